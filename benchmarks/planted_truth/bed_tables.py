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
    "labels_plain": "half the labels wrong, chosen at random; 100 real images",
    "labels_plain_4096": "`labels_plain` with 4,096 candidates instead of 1,024",
    "labels_plain_500_real": "`labels_plain` with 500 real images",
    "labels_plain_seen_by_real": "`labels_plain`, extractor trained on the real images",
    "labels_plain_phantom": "`labels_plain` of phantom images",
    "labels_half": "half the labels wrong; a third of these as near to their class as right ones",
    "labels_shallow": "`labels_plain`, features of an earlier stage of the extractor",
    "labels_20_percent": "a fifth of the labels wrong",
    "labels_imbalanced": "`labels_plain`, classes 4 : 1",
    "labels_4_classes": "`labels_plain` of phantom images with four classes",
    "mixed": "a fifth wrong labels, a tenth each of blur and stain shift; also a tenth each of "
    "noise and near-duplicates, which are left out of the truth",
    "useless": "half near-duplicates of few images; the truth is fresh or near-duplicate",
    "labels_stratified": "control: all wrong labels as near to their class as right ones",
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
        "The *ceiling* is what supervised models reach that see the same inputs and are told the "
        "truth of the other batches: the better of a logistic regression and gradient boosting. "
        "The *best* free score and the best peer are those with the highest mean over draws. They "
        "were picked with the truth in hand, which nobody has in a real run, so the comparison "
        "favours them. *Default less free score* is paired by draw, with its 95% interval. *MLP* "
        "and *REINFORCE* are the default with that one choice changed.",
        "",
        *table(
            ("bed", "what it is", "ceiling", "best free score", "AUC", "best peer", "AUC",
             "default", "default less free score", "within batches", "MLP", "REINFORCE"),
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
        "On these beds there is nothing to find, and so no AUC. The table shows the share of the "
        'candidates that is kept, how many runs say "this reward carries no signal", and how many '
        "raise the alarm that the policy has collapsed. The runs need not say that there is no "
        "signal: the reward may still depend on how many candidates are kept.",
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
        "Mean keep probability of the candidates of a kind, ± sample std over draws. How many "
        "candidates a policy keeps is its own choice, so compare each kind with the good ones of "
        "the same column.",
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
        "AUC against the truth, mean over draws. *Batch and class* knows nothing of the candidate "
        "itself: it takes the share of good ones that its batch and class had on another draw of "
        "the bed. Whatever it reaches comes from a candidate's place alone. Even within a batch it "
        "is above chance, because the classes differ in their share of good ones.",
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
        "A probe is trained on the real images and the selected candidates. The table shows its "
        "AUC on test, mean over draws, and for the learned selection that on reward-val as well. "
        "*Drop* is AUC on reward-val less AUC on test, for the learned selection and for random "
        "halves of the pool. Where the first is larger, the difference was fitted to reward-val.",
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
