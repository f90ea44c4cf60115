"""The section of docs/benchmarks.md about beds with a known truth."""

from collections import defaultdict
from typing import Any

import numpy as np

from rlsel.evaluation.signal import SIGNIFICANT
from rlsel.records import mean_and_std
from rlsel.reporting.wording import decimal, label

from .markdown import interval, limits, mean, table
from .selection_section import selections_section

Record = dict[str, Any]
Cells = dict[str, dict[str, Any]]
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
    "useless": "half near-duplicates of few images, which full training leaves undecided",
    "labels_stratified": "control: matched in distance throughout",
    "all_noise": "control: nothing but noise",
    "all_good": "control: nothing but good ones",
}
EVALUATIONS = 1024
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
    record, summary = learned, learned["summary"]
    lines = [
        "## Does it learn what is known to be true?",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}, ray "
        f"{record['versions']['ray']}; records `planted_truth_*.json`, by "
        "`python benchmarks/planted_truth.py`; "
        "cells in `benchmarks/planted_truth/cells.yaml`, beds in `beds.yaml` beside it. Real PCam "
        "at 32 px unless said; rewards are the AUC of a probe on reward-val; features by a "
        "ResNet34 trained on 2,000 other patches. AUC is that of the keep probability against "
        "the truth, mean ± sample std over draws of real images and candidates (n in each table), "
        "least in brackets. The draws shown were not looked at while settings were chosen.",
        "",
    ]
    lines += _beds(beds["cells"], summary, learned["cells"])
    lines += _bed_scores(beds["cells"], summary)
    lines += _lengths(summary, _ceilings(beds["cells"]))
    for study, title in (("grid", "Controllers and algorithms"),
                         ("one_at_a_time", "One choice at a time"),
                         ("noisy_credit", "Credit under noise"),
                         ("useless", "Near-duplicates: what it takes to notice"),
                         ("useless_finetuned", "Near-duplicates, paid by finetuning")):  # fmt: skip
        lines += _variants(summary, learned["cells"], study, title)
    lines += _seeds(summary)
    lines += _null(learned["cells"])
    lines += selections_section(selections["cells"])
    return "\n".join([*lines, ""])


def _beds(cells: Cells, summary: dict[str, Any], learned: Cells) -> list[str]:
    known = defaultdict(list)
    for key, cell in cells.items():
        if key.startswith("bed | "):
            known[key.split(" | ")[1]].append(cell)
    rows = []
    for bed, description in BEDS.items():
        group = f"all_beds | {bed} | reward | default | {EVALUATIONS}"
        found = summary.get(group)
        if not found and bed not in known:
            continue
        rows.append(
            (
                f"`{bed}`",
                description,
                mean([max(c["ceiling"].values()) for c in known[bed] if "ceiling" in c]),
                *_best(known[bed], "free"),
                *_best(known[bed], "peers"),
                _auc(found, "auc"),
                interval(_differences(_by_draw(learned, group), _best_free_by_draw(cells, bed))),
                _auc(found, "within_batches"),
                *(
                    _auc(summary.get(f"all_beds | {bed} | reward | {variant} | {EVALUATIONS}"))
                    for variant in ("MLP", "REINFORCE")
                ),
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


def _bed_scores(cells: Cells, summary: dict[str, Any]) -> list[str]:
    """What the selections are worth to a probe, on validation and on test."""
    plain = ("real_only", "keep_all", "uniform_half", "oracle")
    known: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    halves: dict[str, list[float]] = defaultdict(list)
    for key, cell in cells.items():
        if key.startswith("bed | "):
            bed = key.split(" | ")[1]
            for name in plain:
                known[bed][name].append(cell["selections"][name]["test_auc"])
            halves[bed].append(cell["selections"]["uniform_half"]["reward_val_auc"])
    rows = []
    for bed in BEDS:
        found = summary.get(f"all_beds | {bed} | reward | default | {EVALUATIONS}")
        if found and bed in known:
            scores = (mean(known[bed][name]) for name in plain)
            val = found["rate.reward_val_auc"]["mean"]
            test = found["rate.test_auc"]["mean"]
            drop_of_half = np.mean(halves[bed]) - np.mean(known[bed]["uniform_half"])
            drops = f"{val - test:+.3f}", f"{drop_of_half:+.3f}"
            rows.append((f"`{bed}`", *scores, decimal(val), decimal(test), *drops))
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


def _by_draw(cells: Cells, group: str) -> dict[str, float]:
    """Draw -> AUC of what was learned on it."""
    return {
        key.split(" | ")[5]: cell["auc"] for key, cell in cells.items() if key.startswith(group)
    }


def _best_free_by_draw(cells: Cells, bed: str) -> dict[str, float]:
    """Draw -> AUC of the free score that is best in the mean over draws."""
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for key, cell in cells.items():
        if key.startswith(f"bed | {bed} | "):
            for name, value in cell.get("free", {}).items():
                auc = value["auc"] if isinstance(value, dict) else value
                scores[name][key.split(" | ")[2]] = auc
    return max(scores.values(), key=lambda of: np.mean([*of.values()]), default={})


def _differences(ours: dict[str, float], theirs: dict[str, float]) -> np.ndarray:
    """Of the draws that both have."""
    return np.array([ours[draw] - theirs[draw] for draw in ours if draw in theirs])


def _best(found: list[dict[str, Any]], kind: str) -> tuple[str, str]:
    scores = defaultdict(list)
    for cell in found:
        for name, value in cell.get(kind, {}).items():
            scores[name].append(value["auc"] if isinstance(value, dict) else value)
    if not scores:
        return "–", "–"
    best = max(scores, key=lambda name: np.mean(scores[name]))
    return label(best), mean(scores[best])


def _ceilings(cells: Cells) -> dict[str, float]:
    """Bed -> mean over draws."""
    found = defaultdict(list)
    for key, cell in cells.items():
        if "ceiling" in cell:
            found[key.split(" | ")[1]].append(max(cell["ceiling"].values()))
    return {bed: float(np.mean(values)) for bed, values in found.items()}


def _lengths(summary: dict[str, Any], ceilings: dict[str, float]) -> list[str]:
    rows = []
    for study in ("lengths", "lengths_noisy"):
        for group, figures in summary.items():
            kind, *rest = group.split(" | ")
            if kind == study:
                bed, pay, _, evaluations = rest
                ceiling = ceilings.get(bed, float("nan"))
                way = (figures["auc"]["mean"] - 0.5) / (ceiling - 0.5)
                rows.append(
                    (
                        f"`{bed}`",
                        PAYS[pay],
                        f"{int(evaluations):,}",
                        _auc(figures),
                        _auc(figures, "within_batches"),
                        _auc(figures, "rate.test_auc"),
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
            gains = _differences(_by_draw(cells, f"{group} | "), _by_draw(cells, f"{compared} | "))
            low, high = limits(gains)
            if group != compared and (low > 0 or high < 0):
                clear["better" if low > 0 else "worse"].append(f"{variant} (`{bed}`)")
            rows.append(
                (
                    variant,
                    f"`{bed}`",
                    f"{int(evaluations):,}",
                    _auc(figures),
                    "–" if group == compared else interval(gains),
                    _auc(figures, "within_batches"),
                    _auc(figures, "rate.test_auc"),
                    _auc(figures, "threshold.test_auc"),
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
        (f"`{group.split(' | ')[1]}`", PAYS[group.split(" | ")[2]], _auc(figures),
         _auc(figures, "within_batches"), str(figures["n"]))
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
    warned = sum(cell["signal"] is not None and cell["signal"][1] >= SIGNIFICANT for cell in runs)
    average, std = mean_and_std(values)
    return [
        "### A reward that says nothing",
        "",
        f"{len(values)} runs were paid by numbers drawn for every set: AUC {decimal(average)} ± "
        f"{decimal(std)}, from {decimal(min(values))} to {decimal(max(values))}. One run proves "
        f'nothing, whatever it reaches. {warned} of them end with "this reward carries no signal".',
        "",
    ]


def _auc(figures: dict[str, Any] | None, name: str = "auc") -> str:
    if not figures or not figures.get(name):
        return "–"
    spread = figures[name]
    std = spread["std"]
    text = decimal(spread["mean"])
    return text if std is None else f"{text} ± {decimal(std)} ({decimal(spread['min'])})"
