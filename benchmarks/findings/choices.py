"""Which choices of the learning matter? Also on beds with a known truth."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from planted_truth.bed_tables import EVALUATIONS, group_of
from planted_truth.paired import compare
from planted_truth.planted_summary import (
    ByDraw,
    Cells,
    best,
    by_draw,
    differences,
    free_scores,
    of_bed,
)
from planted_truth.selection_section import by_method, gains_of_draws
from recording import Record

from rlsel.reporting.wording import decimal, label

from .claims import Claim, difference, in_words, link, mean, verdict
from .truth import BED, BEDS_TITLE, PAGE, source

BY_CHANCE = 0.05
"""How often a 95% interval leaves out the true value."""
CONTROLLERS = ("transformer", "GRU", "GRU with attention", "MLP")
PAPER = "the paper's recipe, with a probe"


def choice_claims(records: Mapping[str, Record]) -> Iterator[Claim]:
    """Once the records are there."""
    names = ("planted_truth_learn", "planted_truth_beds", "planted_truth_select")
    if all(name in records for name in names):
        learned, beds, selections = (records[name] for name in names)
        yield _recipe(learned, selections["cells"])
        yield _length(learned)
        yield _near_duplicates(learned, beds["cells"])
        yield _settings(learned)


def _recipe(record: Record, selections: Cells) -> Claim:
    gain = -_gains(record["cells"], "one_at_a_time", "labels_half")[PAPER]
    trained = by_method(selections)
    in_training = gains_of_draws(trained["controller"], trained["paper"])
    works = verdict(compare(gain)) == "better"
    is_clear = verdict(compare(in_training)) != "not told apart"
    return Claim(
        works,
        f"The default settings {'beat' if works else 'are not shown to beat'} the paper's recipe, "
        "read literally and paid by a probe.",
        f"On `labels_half`, their AUC is {difference(gain)} higher. In full training with 100 real "
        f"images, the difference in test accuracy is {difference(in_training)} "
        f"({len(in_training)} draws), which is {'' if is_clear else 'not '}clear.",
        source(record, by_draw(record["cells"], group_of("labels_half")), "One choice at a time"),
    )


def _length(record: Record) -> Claim:
    def runs_of(bed: str, evaluations: int, pay: str = "reward") -> ByDraw:
        study = "lengths" if pay == "reward" else "lengths_noisy"
        return by_draw(record["cells"], f"{study} | {bed} | {pay} | default | {evaluations}")

    def auc(*where: str | int) -> str:
        return mean(run["auc"] for run in runs_of(*where).values())  # pyright: ignore

    gains = differences(runs_of(BED, 8192), runs_of(BED, 2048))
    works = verdict(compare(gains)) == "better"
    return Claim(
        works,
        f"A longer run is {'better' if works else 'not better'}.",
        f"On `{BED}`, AUC is {auc(BED, 128)} after 128 evaluations and {auc(BED, 8192)} after "
        f"8,192; from 2,048 on it changes by {difference(gains)}. With a reward as noisy as that "
        f"of full training, on `labels_half`, it is {auc('labels_half', 512, 'noisy')} instead of "
        f"{auc('labels_half', 512)} after 512, and {auc('labels_half', 4096, 'noisy')} instead of "
        f"{auc('labels_half', 4096)} after 4,096.",
        source(record, runs_of(BED, 8192), "How much it takes"),
    )


def _near_duplicates(record: Record, beds: Cells) -> Claim:
    runs = by_draw(record["cells"], group_of("useless"))
    scores = free_scores(of_bed(beds, "useless", runs))
    name = best(scores) or ""
    auc = np.array([run["auc"] for run in runs.values()])
    works = verdict(compare(auc - 0.5)) == "better"
    tried = _gains(record["cells"], "useless", "useless")
    table = link("table", PAGE, "Near-duplicates: what it takes to notice")
    return Claim(
        works,
        f"Near-duplicates are {'noticed' if works else 'not noticed'}.",
        f"Where half of the candidates are near-duplicates of a few images, AUC is {mean(auc)}. "
        f"The {label(name)} alone reaches {mean(scores.get(name, []))}. Of {in_words(len(tried))} "
        "other settings, clearly better than the default: "
        f"{in_words(_counted(tried)['better'])} ({table}).",
        source(record, runs, BEDS_TITLE),
    )


def _settings(record: Record) -> Claim:
    gains = _gains(record["cells"], "one_at_a_time", "labels_half")
    counts = _counted(gains)
    runs = by_draw(record["cells"], group_of("labels_half"))
    groups = (f"grid | {BED} | reward | {name} + PPO | {EVALUATIONS}" for name in CONTROLLERS)
    aucs = [
        float(np.mean([run["auc"] for run in found.values()]))
        for found in (by_draw(record["cells"], group) for group in groups)
        if found
    ]
    return Claim(
        None,
        f"Of {len(gains)} changes to the default settings, clearly better: "
        f"{in_words(counts['better'])}; clearly worse: {in_words(counts['worse'])}.",
        f"About {BY_CHANCE * len(gains):.0f} are to be expected by chance. With "
        f"{in_words(len(aucs))} kinds of controller, AUC on `{BED}` is {decimal(min(aucs))} to "
        f"{decimal(max(aucs))} ({link('table', PAGE, 'Controllers and algorithms')}).",
        source(record, runs, "One choice at a time"),
    )


def _gains(cells: Cells, study: str, bed: str) -> dict[str, np.ndarray]:
    """Variant of a study -> its AUC less that of the default, draw by draw."""
    start = f"{study} | {bed} | reward"
    names = dict.fromkeys(key.split(" | ")[3] for key in cells if key.startswith(f"{start} | "))
    usual = by_draw(cells, f"{start} | default | {EVALUATIONS}")
    return {
        name: differences(by_draw(cells, f"{start} | {name} | {EVALUATIONS}"), usual)
        for name in names
        if name != "default"
    }


def _counted(gains: dict[str, np.ndarray]) -> Counter[str]:
    return Counter(verdict(compare(gain)) for gain in gains.values())
