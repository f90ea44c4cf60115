"""docs/benchmarks/planted_truth.md: what is learned on beds with a known truth."""

from typing import Any

import numpy as np

from rlsel.metrics import mean_and_std
from rlsel.reporting.wording import decimal, label

from .bed_tables import (
    EVALUATIONS,
    beds_table,
    controls_table,
    drops,
    group_of,
    kinds_table,
    says_no_signal,
    scores_table,
    worth_table,
)
from .markdown import interval, mean, spread, table
from .material import NUM_OTHERS
from .paired import compare
from .planted_summary import Cells, best, by_draw, ceiling, differences, free_scores, of_bed
from .selection_section import selections_section
from .targets_section import targets_section

Record = dict[str, Any]
REFERENCES = {
    "grid": ("grid", "transformer + PPO"),
    "one_at_a_time": ("one_at_a_time", "default"),
    "noisy_credit": ("lengths_noisy", "default"),
    "useless": ("useless", "default"),
    "useless_finetuned": ("useless", "default"),
}
"""Study -> study and variant that its variants are compared with, draw by draw."""
READING = """\
A *bed* is a pool of candidates in which faults were planted, so that everybody knows which
candidates are useful; this is the *truth*. The controller is not told. It is paid by a reward, the
AUC of a probe on reward-val, and ends with a keep probability for each candidate. On most beds the
images are real PCam patches at 32 px.

*AUC* in these tables is the area under the ROC curve of the keep probability against the truth:
1 means that every useful candidate is ranked above every other one, and .5 is chance. *Within
batches* is the same among the candidates of one batch, so that the place of the batch does not
count. Figures are the mean ± sample std over draws of real images and candidates, and in brackets
the lowest draw; n counts draws.

A *free score* ranks candidates without paying for a reward, such as the share of their real
neighbours that have their label. A *peer* is a published method. Intervals are 95% intervals by
Student's t.

Where settings are compared, *gain* is the AUC less that of the reference, paired by draw. *Test
AUC* is that of a probe trained on what is selected, by two rules. The product's rule keeps the most
probable candidates, as many as the probabilities sum to; *by p > ½* keeps those with a probability
above ½.
"""
PAYS = {"reward": "as it is", "noisy": "as noisy as retraining"}


def planted_section(learned: Record, beds: Record, selections: Record, _: str = "") -> str:
    """What was learned on every bed, with how much, by which means; and what it is good for.

    Args:
        beds: Ceilings, free scores and peers.
        selections: Full trainings on what was selected.
    """
    cells, summary, known = learned["cells"], learned["summary"], beds["cells"]
    lines = [
        "## Does it learn what is known to be true?",
        "",
        f"{learned['hardware']}; torch {learned['versions']['torch']}, ray "
        f"{learned['versions']['ray']}; records `planted_truth_*.json`, by "
        "`python benchmarks/planted_truth.py`. What was run stands in "
        "`benchmarks/planted_truth/cells.yaml`, and the beds in `beds.yaml` beside it.",
        "",
        READING,
        _whose_features(cells, known),
        "",
        _looked_at(cells),
        "",
    ]
    lines += targets_section(cells, known, selections["cells"], summary)
    lines += beds_table(cells, known, summary)
    lines += scores_table(cells, known)
    lines += kinds_table(cells)
    lines += controls_table(cells)
    lines += worth_table(cells, known, summary)
    lines += _lengths(cells, known, summary)
    for study, title in (("grid", "Controllers and algorithms"),
                         ("one_at_a_time", "One choice at a time"),
                         ("noisy_credit", "Credit under noise"),
                         ("useless", "Near-duplicates: what it takes to notice"),
                         ("useless_finetuned", "Near-duplicates, paid by finetuning")):  # fmt: skip
        lines += _variants(summary, cells, study, title)
    lines += _seeds(summary)
    lines += _null(cells)
    lines += selections_section(selections["cells"])
    return "\n".join([*lines, ""])


def _whose_features(learned: Cells, beds: Cells) -> str:
    """What the beds make easier than a run is, and what it comes to where they do not."""
    bed = "labels_plain_seen_by_real"
    text = (
        f"**These beds are easier than a run.** All beds but `{bed}` use a feature extractor that "
        f"was trained on {NUM_OTHERS:,} other labelled patches. `rlsel run` trains its extractor "
        f"on the real images themselves, and `{bed}` is the only bed that does so too"
    )
    runs = by_draw(learned, group_of(bed))
    known = of_bed(beds, bed, runs)
    name = best(free_scores(known))
    if name is None:
        return f"{text}."
    auc = mean([run["auc"] for run in runs.values()])
    ours, at_random = drops(runs, known)
    return (
        f"{text}. There the controller's AUC is {auc}, and that of the best free score "
        f"({label(name)}) is {mean(free_scores(known)[name])}. A probe trained on what was learned "
        f"scores {decimal(ours)} less on test than on reward-val; a probe trained on random halves "
        f"of the pool scores {decimal(at_random)} less. The difference was fitted to reward-val."
    )


def _looked_at(learned: Cells) -> str:
    text = (
        "**Which draws were looked at.** Settings were sought on draws 0 to 9, which are not shown "
        "here. Two settings were chosen on draws 10 to 14, which are shown: that the result is "
        "taken from the last quarter of the iterations, and that it is the mean policy of the run. "
        "So figures on these draws may be a little too good."
    )
    if not any(key.startswith("targets") for key in learned):
        return text
    return f"{text} Draws 20 to 24 are those of the targets and had never been looked at."


def _lengths(learned: Cells, beds: Cells, summary: dict[str, Any]) -> list[str]:
    rows = []
    for study in ("lengths", "lengths_noisy"):
        for group, figures in summary.items():
            kind, *rest = group.split(" | ")
            if kind == study:
                bed, pay, _, evaluations = rest
                known = of_bed(beds, bed, by_draw(learned, group))
                way = (figures["auc"]["mean"] - 0.5) / (ceiling(known) - 0.5)
                rows.append(
                    (
                        f"`{bed}`",
                        PAYS[pay],
                        f"{int(evaluations):,}",
                        spread(figures),
                        spread(figures, "within_batches"),
                        spread(figures, "rate.test_auc"),
                        f"{way:.0%}" if np.isfinite(way) else "–",
                        f"{figures['seconds']['min']:.0f}",
                        str(figures["n"]),
                    )
                )
    if not rows:
        return []
    return [
        "### How much it takes",
        "",
        "Each number of evaluations is a run of its own, because the learning rate falls to zero "
        "over a run. The result of a run is its mean policy. The last policy alone (dotted in the "
        "picture) drifts away from the planted truth as a run gets longer. The picture shows means "
        "and ranges over draws. *Test AUC* is that of a probe trained on what was selected, and "
        "*of the way to the ceiling* counts from .5. A reward *as noisy as retraining* has noise "
        "added, as large as the spread of a full training over its seeds.",
        "",
        "![AUC over evaluations on two beds](../images/planted_truth.png)",
        "",
        *table(
            ("bed", "reward", "evaluations", "AUC", "within batches", "test AUC",
             "of the way to the ceiling", "seconds, least", "n"),
            rows,
        ),
    ]  # fmt: skip


def _variants(summary: dict[str, Any], cells: Cells, study: str, title: str) -> list[str]:
    rows = []
    clear: dict[str, list[str]] = {"better": [], "worse": []}
    reference_study, reference = REFERENCES[study]
    for group, figures in summary.items():
        kind, *rest = group.split(" | ")
        if kind == study:
            bed, pay, variant, evaluations = rest
            compared = f"{reference_study} | {bed} | {pay} | {reference} | {evaluations}"
            gains = differences(by_draw(cells, group), by_draw(cells, compared))
            found = compare(gains)
            if group != compared and (found["low"] > 0 or found["high"] < 0):
                clear["better" if found["low"] > 0 else "worse"].append(f"{variant} (`{bed}`)")
            rows.append(
                (
                    variant,
                    f"`{bed}`",
                    f"{int(evaluations):,}",
                    spread(figures),
                    "–" if group == compared else interval(gains),
                    spread(figures, "within_batches"),
                    spread(figures, "rate.test_auc"),
                    spread(figures, "threshold.test_auc"),
                    f"{figures['seconds']['min']:.0f}",
                    str(figures["n"]),
                )
            )
    if not rows:
        return []
    return [
        f"### {title}",
        "",
        f"The gain is over {reference!r} on the same draw.",
        "",
        *table(
            ("variant", "bed", "evaluations", "AUC", "gain", "within batches",
             "test AUC", "by p > ½", "seconds, least", "n"),
            rows,
        ),
        f"Rows: {len(rows)}. The interval of the gain lies above 0 for: "
        f"{'; '.join(clear['better']) or 'none'}. It lies below 0 for: "
        f"{'; '.join(clear['worse']) or 'none'}. The intervals are not corrected for the number of "
        "rows, so about one row in twenty is listed by chance.",
        "",
    ]  # fmt: skip


def _seeds(summary: dict[str, Any]) -> list[str]:
    rows = [
        (f"`{group.split(' | ')[1]}`", PAYS[group.split(" | ")[2]], spread(figures),
         spread(figures, "within_batches"), str(figures["n"]))
        for group, figures in summary.items()
        if group.startswith("seeds | ")
    ]  # fmt: skip
    if not rows:
        return []
    return [
        f"### The seed of learning alone, one draw, {EVALUATIONS:,} evaluations",
        "",
        *table(("bed", "reward", "AUC", "within batches", "n"), rows),
    ]


def _null(cells: Cells) -> list[str]:
    runs = [cell for key, cell in cells.items() if key.startswith("null_reward | ")]
    if not runs:
        return []
    values = [cell["auc"] for cell in runs]
    warned = sum(map(says_no_signal, runs))
    average, std = mean_and_std(values)
    return [
        "### A reward that says nothing",
        "",
        f"{len(values)} runs were paid with random numbers instead of rewards. Their AUC is "
        f"{decimal(average)} ± {decimal(std)}, from {decimal(min(values))} to "
        f"{decimal(max(values))}: a single run may look good by chance. {warned} of the "
        f'{len(values)} say at their end that "this reward carries no signal".',
        "",
    ]
