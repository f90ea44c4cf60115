"""The section of docs/benchmarks.md about beds with a known truth."""

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
PAYS = {"reward": "as it is", "noisy": "as noisy as retraining"}


def planted_section(learned: Record, beds: Record, selections: Record) -> str:
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
        "`python benchmarks/planted_truth.py`; "
        "cells in `benchmarks/planted_truth/cells.yaml`, beds in `beds.yaml` beside it. Real PCam "
        "at 32 px unless said; rewards are the AUC of a probe on reward-val. AUC is that of the "
        "keep probability against the truth, mean ± sample std over draws of real images and "
        "candidates (n in each table), least in brackets.",
        "",
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
        f"All beds but `{bed}` use a feature extractor trained on {NUM_OTHERS:,} other labelled "
        "patches. `rlsel run` trains its extractor on the real images themselves, which is the "
        f"situation of `{bed}`"
    )
    runs = by_draw(learned, group_of(bed))
    known = of_bed(beds, bed, runs)
    name = best(free_scores(known))
    if name is None:
        return f"{text}."
    auc = mean([run["auc"] for run in runs.values()])
    ours, at_random = drops(runs, known)
    return (
        f"{text}: there the controller's AUC is {auc}, that of the best free score ({label(name)}) "
        f"{mean(free_scores(known)[name])}, and from reward-val to test a probe on what was "
        f"learned drops by {decimal(ours)}, on random halves of the pool by {decimal(at_random)}."
    )


def _looked_at(learned: Cells) -> str:
    text = (
        "Settings were sought on draws 0 to 9, which are not shown, but for two that were chosen "
        "looking at draws 10 to 14: that one of the last quarter of the iterations is taken, and "
        "that the mean policy is what comes out."
    )
    if not any(key.startswith("targets") for key in learned):
        return text
    return f"{text} Draws 20 to 24, of the targets, were not looked at before."


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
        "A run of its own for each number of evaluations, since the learning rate falls to nothing "
        "over a run: mean and range over draws. What comes out is the mean policy of a run; its "
        "last policy alone drifts away from the planted truth (dotted). Test AUC is that of a "
        "probe on what comes out.",
        "",
        "![AUC over evaluations on two beds](images/planted_truth.png)",
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
        f"*Gain*: over {reference!r} of the same draw, with its 95% interval. Test AUC of a probe "
        "on what is selected: by rank at the policy's own rate, as the product does, and by p > ½.",
        "",
        *table(
            ("variant", "bed", "evaluations", "AUC", "gain", "within batches",
             "test AUC of a probe", "by p > ½", "seconds, least", "n"),
            rows,
        ),
        f"By this interval, which leaves out how many are compared, of {len(rows)} rows clearly "
        f"better: {'; '.join(clear['better']) or 'none'}. Clearly worse: "
        f"{'; '.join(clear['worse']) or 'none'}.",
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
        f"{len(values)} runs were paid by numbers drawn for every set: AUC {decimal(average)} ± "
        f"{decimal(std)}, from {decimal(min(values))} to {decimal(max(values))}. One run proves "
        f'nothing, whatever it reaches. {warned} of them end with "this reward carries no signal".',
        "",
    ]
