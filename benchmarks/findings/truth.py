"""Is what is true learned? On beds, where it is known which candidates are useful."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from planted_truth.bed_tables import BEDS, EVALUATIONS, drops, group_of, says_no_signal
from planted_truth.paired import compare
from planted_truth.planted_summary import (
    ByDraw,
    Cells,
    best,
    by_draw,
    ceiling,
    free_scores,
    of_bed,
    over_free,
)
from planted_truth.targets_section import target_rows
from recording import Record

from rlsel.reporting.wording import decimal, label, signed

from .claims import Claim, Source, in_words, mean, verdict

PAGE = "planted_truth"
BED = "labels_plain"
OWN_EXTRACTOR = "labels_plain_seen_by_real"
BEDS_TITLE = f"Beds, {EVALUATIONS:,} evaluations"


def truth_claims(records: Mapping[str, Record]) -> Iterator[Claim]:
    """Once all three records of planted truth are there."""
    names = ("planted_truth_learn", "planted_truth_beds", "planted_truth_select")
    if not all(name in records for name in names):
        return
    learned, beds, selections = (records[name] for name in names)
    yield _is_learned(learned, beds["cells"])
    yield _over_free_scores(learned, beds["cells"])
    yield _own_extractor(learned, beds["cells"])
    yield _null_reward(learned)
    yield _controls(learned)
    yield _targets(learned, beds["cells"], selections["cells"])


def _is_learned(record: Record, beds: Cells) -> Claim:
    runs = by_draw(record["cells"], group_of(BED))
    known = of_bed(beds, BED, runs)
    auc = np.array([run["auc"] for run in runs.values()])
    seconds = min(run["seconds"] for run in runs.values())
    name, free = _best_free(known)
    return Claim(
        verdict(compare(auc - 0.5)) == "better",
        "A controller that is told no truth finds which labels are wrong.",
        f"On `{BED}`, where half the labels are wrong, its keep probability has an AUC of "
        f"{mean(auc)} against the truth. Supervised models that are told the truth of other "
        f"candidates reach {decimal(ceiling(known))}, and the best free score ({name}) reaches "
        f"{free}. Learning takes {EVALUATIONS:,} evaluations by a probe, {seconds:.0f} seconds or "
        "more.",
        source(record, runs, BEDS_TITLE),
    )


def _over_free_scores(record: Record, beds: Cells) -> Claim:
    found: dict[str, dict[str, float]] = {}
    for bed in BEDS:
        runs = by_draw(record["cells"], group_of(bed))
        gains = over_free(runs, of_bed(beds, bed, runs))
        if len(gains) > 1:
            found[bed] = compare(gains)
    counts = Counter(verdict(one) for one in found.values())
    in_order = sorted(found, key=lambda bed: found[bed]["mean"])
    least, most = (signed(found[bed]["mean"]) for bed in (in_order[0], in_order[-1]))
    middle = signed(float(np.median([one["mean"] for one in found.values()])))
    runs = by_draw(record["cells"], group_of(BED))
    num_scores = len(free_scores(of_bed(beds, BED, runs)))
    return Claim(
        counts["better"] > len(found) / 2,
        f"Learning finds the truth better than the best free score on "
        f"{in_words(counts['better'])} of {len(found)} beds.",
        f"It is clearly worse on {in_words(counts['worse'])} and cannot be told apart on "
        f"{in_words(counts['not told apart'])}. The difference in AUC is {least} (`{in_order[0]}`) "
        f"to {most} (`{in_order[-1]}`), its median {middle}. The comparison favours the free "
        f"score: it is the best of {in_words(num_scores)} on each bed, picked with the truth in "
        "hand.",
        source(record, runs, BEDS_TITLE),
    )


def _own_extractor(record: Record, beds: Cells) -> Claim:
    runs = by_draw(record["cells"], group_of(OWN_EXTRACTOR))
    elsewhere = by_draw(record["cells"], group_of(BED))
    known = of_bed(beds, OWN_EXTRACTOR, runs)
    name, free = _best_free(known)
    ours, at_random = drops(runs, known)
    here, there = (float(np.mean([run["auc"] for run in of.values()])) for of in (runs, elsewhere))
    return Claim(
        here >= there,
        f"It is {'harder' if here < there else 'no harder'} in a real run than on most beds.",
        "A run trains its feature extractor on the real images themselves. On the one bed that "
        f"does so too, AUC is {decimal(here)} instead of {decimal(there)}, and that of the best "
        f"free score ({name}) is {free}. A probe trained on what was learned scores "
        f"{decimal(ours)} less on test than on the validation images that paid; one trained on "
        f"random halves scores {decimal(at_random)} less.",
        source(record, runs, "What the selections are worth to a probe"),
    )


def _null_reward(record: Record) -> Claim:
    runs = [cell for key, cell in record["cells"].items() if key.startswith("null_reward | ")]
    warned = sum(map(says_no_signal, runs))
    auc = [run["auc"] for run in runs]
    return Claim(
        warned == len(runs),
        "A run says so when its reward is nothing but noise.",
        f"{warned} of {len(runs)} runs that were paid with random numbers end with the warning "
        f"that the reward carries no signal. Their AUC is {decimal(min(auc))} to "
        f"{decimal(max(auc))}, so a single run may look good by chance.",
        Source(record, f"n = {len(runs)} draws", PAGE, "A reward that says nothing"),
    )


def _controls(record: Record) -> Claim:
    runs = [
        run
        for bed in ("all_noise", "all_good")
        for run in by_draw(record["cells"], group_of(bed)).values()
    ]
    warned = sum(map(says_no_signal, runs))
    title = "Controls where all candidates are alike"
    return Claim(
        warned == len(runs),
        "A run says so when all candidates are alike."
        if warned == len(runs)
        else "A run does not always say so when all candidates are alike.",
        f"Where every candidate is noise, or every one is good, {warned} of {len(runs)} runs say "
        "that the reward carries no signal. It may still carry one: how many candidates are kept.",
        Source(record, f"n = {len(runs)} runs", PAGE, title),
    )


def _targets(record: Record, beds: Cells, selections: Cells) -> Claim:
    rows = target_rows(record["cells"], beds, selections, record["summary"])
    missed = Counter(target.partition(":")[0] for target, _, is_met, _ in rows if is_met == "no")
    about = "; ".join(f"{name} ({count})" for name, count in missed.items())
    return Claim(
        None,
        f"Of {len(rows)} targets that were set before measuring, "
        f"{len(rows) - missed.total()} are met.",
        f"What is missed, and how many targets about it: {about}." if missed else "",
        Source(record, "the table names the draws", PAGE, "Targets"),
    )


def _best_free(known: ByDraw) -> tuple[str, str]:
    """Its name and its AUC, mean over draws."""
    name = best(free_scores(known)) or ""
    return label(name), mean(free_scores(known).get(name, []))


def source(record: Record, runs: ByDraw, title: str) -> Source:
    return Source(record, f"n = {len(runs)} draws", PAGE, title)
