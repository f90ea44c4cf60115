"""The tables over all beds: what was learned on them, what else is known of them, and controls."""

from typing import Any

import numpy as np

from rlsel.evaluation.signal import SIGNIFICANT
from rlsel.reporting.wording import decimal, label

from .fault_section import NAMES
from .markdown import interval, mean, mean_std, spread, table
from .planted_summary import (
    ByDraw,
    Cells,
    best,
    by_draw,
    ceiling,
    drop,
    free_scores,
    of_bed,
    over_free,
    peers,
)

BEDS = {
    "labels_plain": "half the labels wrong, at random",
    "labels_plain_4096": "the same, 4,096 candidates",
    "labels_plain_500_real": "the same, 500 real images",
    "labels_plain_seen_by_real": "the same, extractor trained on the real images",
    "labels_plain_phantom": "the same, phantom",
    "labels_half": "wrong labels partly matched in distance",
    "labels_shallow": "features of an earlier stage",
    "labels_20_percent": "a fifth of the labels wrong",
    "labels_imbalanced": "classes 4 : 1",
    "labels_4_classes": "four classes (phantom)",
    "mixed": "a fifth wrong labels, a tenth each of blur and stain shift; and of noise and "
    "near-duplicates, which are left out of the truth",
    "useless": "half near-duplicates of few images; the truth is fresh or near-duplicate",
    "labels_stratified": "control: matched in distance throughout",
    "all_noise": "control: nothing but noise",
    "all_good": "control: nothing but good ones",
}
EVALUATIONS = 1024
VARIANTS = ("default", "MLP", "REINFORCE")


def group_of(bed: str, variant: str = "default") -> str:
    """What is learned on every bed."""
    return f"all_beds | {bed} | reward | {variant} | {EVALUATIONS}"


def beds_table(learned: Cells, beds: Cells, summary: dict[str, Any]) -> list[str]:
    """What was learned beside the ceiling and the best of what costs nothing."""
    rows = []
    for bed, description in BEDS.items():
        runs = by_draw(learned, group_of(bed))
        known = of_bed(beds, bed, runs)
        if not any("ceiling" in cell for cell in known.values()):
            continue
        found = summary[group_of(bed)]
        rows.append(
            (
                f"`{bed}`",
                description,
                decimal(ceiling(known)),
                *_best(free_scores(known)),
                *_best(peers(known)),
                spread(found),
                interval(over_free(runs, known)),
                spread(found, "within_batches"),
                *(spread(summary.get(group_of(bed, variant))) for variant in VARIANTS[1:]),
            )
        )
    if not rows:
        return []
    return [
        f"### Beds, {EVALUATIONS:,} evaluations",
        "",
        "The ceiling is the better of a logistic regression and gradient boosting on the same "
        "inputs, told the truth of the other batches. Free scores and peers are the best of their "
        "kind by the mean over draws, chosen with the truth in hand. *Over the free score*: the "
        "default less that, paired by draw, with its 95% interval. MLP and REINFORCE: the default "
        "but for that.",
        "",
        *table(
            ("bed", "what it is", "ceiling", "best free score", "AUC", "best peer", "AUC",
             "default", "over the free score", "within batches", "MLP", "REINFORCE"),
            rows,
        ),
    ]  # fmt: skip


def controls_table(learned: Cells) -> list[str]:
    """Of the beds where all candidates are alike, so that there is no AUC."""
    rows = []
    for bed in ("all_noise", "all_good"):
        for variant in VARIANTS:
            runs = list(by_draw(learned, group_of(bed, variant)).values())
            if runs:
                rows.append(
                    (
                        f"`{bed}`",
                        BEDS[bed],
                        variant,
                        mean_std([run["selections"]["rate"]["kept"] for run in runs]),
                        f"{sum(map(says_no_signal, runs))} of {len(runs)}",
                        f"{sum(bool(run['alarms']) for run in runs)} of {len(runs)}",
                    )
                )
    if not rows:
        return []
    return [
        "### Controls where all candidates are alike",
        "",
        "There is no AUC where nothing can be told apart. Share of the candidates kept, and how "
        'many runs say "this reward carries no signal" or raise an alarm of a collapsed policy. A '
        "signal need not be one about single candidates: it may be how many are kept.",
        "",
        *table(
            ("bed", "what it is", "variant", "share kept", "no signal", "alarm"),
            rows,
        ),
    ]


def says_no_signal(run: dict[str, Any]) -> bool:
    """As `rlsel run` does at its end."""
    return run["signal"] is not None and run["signal"][1] >= SIGNIFICANT


def kinds_table(learned: Cells) -> list[str]:
    """What becomes of every kind on the bed that has them all."""
    found = {variant: by_draw(learned, group_of("mixed", variant)) for variant in VARIANTS}
    found = {variant: runs for variant, runs in found.items() if runs}
    if not found:
        return []
    kinds = next(iter(next(iter(found.values())).values()))["kinds"]
    in_order = sorted(kinds, key=list(NAMES).index)
    rows = [
        (
            NAMES[kind],
            *(mean_std([run["kinds"][kind] for run in runs.values()]) for runs in found.values()),
        )
        for kind in in_order
    ]
    return [
        "### `mixed`, kind by kind",
        "",
        "Mean keep probability of the candidates of a kind, ± sample std over draws. The level is "
        "free, so kinds are to be compared with good ones.",
        "",
        *table(("kind", *found), rows),
    ]


def scores_table(learned: Cells, beds: Cells) -> list[str]:
    """Every free score and every peer, and what batch and class alone are worth."""
    rows, names = [], {}
    for bed in BEDS:
        draws = by_draw(learned, group_of(bed))
        known, order = of_bed(beds, bed, draws), of_bed(beds, bed, draws, "order")
        scores = free_scores(known) | peers(known)
        names |= dict.fromkeys(scores)
        alone = (mean([c[what] for c in order.values()]) for what in ("auc", "within_batches"))
        if scores:
            rows.append((bed, scores, *alone))
    if not rows:
        return []
    return [
        "### Every free score and every peer",
        "",
        "AUC against the truth, mean over draws. *Batch and class*: a candidate is worth the share "
        "of good ones that its batch and class have on another draw of the bed. So much is in "
        "where a candidate stands, with nothing known of itself. Within a batch the classes differ "
        "in their share of good ones, so an AUC within batches holds class × position too.",
        "",
        *table(
            (
                "bed",
                *map(label, names),
                "batch and class (from another draw)",
                "the same, within batches",
            ),
            [
                (f"`{bed}`", *(mean(scores.get(name, [])) for name in names), *alone)
                for bed, scores, *alone in rows
            ],
        ),
    ]


def worth_table(learned: Cells, beds: Cells, summary: dict[str, Any]) -> list[str]:
    """What the selections are worth to a probe, on validation and on test."""
    plain = ("real_only", "keep_all", "uniform_half", "oracle")
    rows = []
    for bed in BEDS:
        runs = by_draw(learned, group_of(bed))
        known = of_bed(beds, bed, runs)
        if runs and known:
            found = summary[group_of(bed)]
            selections = [cell["selections"] for cell in known.values()]
            ours, at_random = drops(runs, known)
            rows.append(
                (
                    f"`{bed}`",
                    *(mean([of[name]["test_auc"] for of in selections]) for name in plain),
                    decimal(found["rate.reward_val_auc"]["mean"]),
                    decimal(found["rate.test_auc"]["mean"]),
                    f"{ours:+.3f}",
                    f"{at_random:+.3f}",
                )
            )
    if not rows:
        return []
    return [
        "### What the selections are worth to a probe",
        "",
        "AUC of a probe on real + selected, mean over draws: on test, and for what was learned on "
        "reward-val as well. *Drop*: reward-val less test, for what was learned and for half of "
        "the pool at random; what the first is above the second was fitted to reward-val.",
        "",
        *table(
            ("bed", "real only", "keep all", "half at random", "oracle", "learned, reward-val",
             "learned, test", "drop", "drop at random"),
            rows,
        ),
    ]  # fmt: skip


def drops(runs: ByDraw, known: ByDraw) -> tuple[float, float]:
    """From reward-val to test, means over draws: of what was learned, and of random halves."""
    ours = np.mean([drop(run, "rate") for run in runs.values()])
    return float(ours), float(np.mean([drop(cell, "uniform_half") for cell in known.values()]))


def _best(scores: dict[str, list[float]]) -> tuple[str, str]:
    name = best(scores)
    return (label(name), mean(scores[name])) if name else ("–", "–")
