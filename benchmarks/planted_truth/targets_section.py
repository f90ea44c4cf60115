"""The table of targets: what was asked for beforehand, what was measured, and whether it is met.

The targets alone are typed; all that is measured comes from the records.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np

from .bed_tables import BEDS, VARIANTS, drops, group_of, says_no_signal
from .markdown import interval, mean_std, table
from .paired import compare
from .planted_summary import ByDraw, Cells, by_draw, ceiling, differences, of_bed, over_free
from .selection_section import Scores, by_method, gains_of_draws

Row = tuple[str, str, str, str]
"""Target, what was measured, whether it is met, and on what it was measured."""
AUC = {"labels_plain": (0.85, 0.83), "labels_half": (0.74, 0.72)}
"""Bed -> mean and least over draws."""
WITHOUT_FAULTS = ("labels_stratified", "all_noise", "all_good", "useless")
SCORE, GAIN, SHARE = ("g", ".4f"), ("+g", "+.4f"), (".0%", ".1%")
"""Formats of a target and of what was measured."""


@dataclass(frozen=True)
class Case:
    """What a run is paid, and what is asked of it."""

    pay: str
    words: str
    studies: tuple[str, str]
    """The first that has runs is taken: fresh draws before others."""
    evaluations: int
    std: float
    """Over seeds of learning, at most."""


CASES = (
    Case("reward", "", ("targets", "lengths"), 1024, 0.01),
    Case("noisy", ", noisy reward", ("targets_noisy", "lengths_noisy"), 2048, 0.02),
)


def targets_section(
    learned: Cells, beds: Cells, selections: Cells, summary: dict[str, Any]
) -> list[str]:
    """One row for each target of which there is a measurement."""
    rows = target_rows(learned, beds, selections, summary)
    if not rows:
        return []
    return [
        "### Targets",
        "",
        "The targets were set before anything was measured. They are about the default settings, "
        "unless a row says otherwise. The column *on* says which draws were used. If a target is "
        "about every bed, the worst bed is shown; if one bed is enough, the best. *Stretch* marks "
        "what was hoped for and not promised.",
        "",
        *table(("target", "measured", "met", "on"), rows),
    ]


def target_rows(
    learned: Cells, beds: Cells, selections: Cells, summary: dict[str, Any]
) -> list[Row]:
    return [
        *_auc(learned, beds),
        *_seeds(learned, summary),
        *_longer(learned),
        *_full_training(by_method(selections)),
        *_drop_on_beds(learned, beds),
        *_over_free(learned, beds),
        *_useless(learned),
        *_null(learned),
    ]


def _auc(learned: Cells, beds: Cells) -> Iterator[Row]:
    for case in CASES:
        for bed, (least_mean, least) in AUC.items():
            runs = _runs(learned, case, bed, case.evaluations)
            if not runs:
                continue
            auc, within = ([run[of] for run in runs.values()] for of in ("auc", "within_batches"))
            name, on = f"`{bed}`, {case.evaluations:,} evaluations{case.words}", _draws(runs)
            yield _at_least(f"{name}: mean AUC", mean(auc), least_mean, on)
            yield _at_least(f"{name}: least AUC of a draw", min(auc), least, on)
            yield from _way(f"{name}: of the way from .5 to the ceiling", auc, runs, beds, bed)
            yield _at_least(f"{name}: AUC within batches", mean(within), 0.6, on)


def _way(what: str, auc: list[float], runs: ByDraw, beds: Cells, bed: str) -> Iterator[Row]:
    """By the ceiling of the same draws, or of those there are."""
    known, on = of_bed(beds, bed, runs), _draws(runs)
    if len(known) < len(runs):
        known = of_bed(beds, bed)
        on = f"{on}, ceiling of {_draws(known)}" if known else on
    if known:
        yield _at_least(what, (mean(auc) - 0.5) / (ceiling(known) - 0.5), 0.95, on, SHARE)


def _seeds(learned: Cells, summary: dict[str, Any]) -> Iterator[Row]:
    for case in CASES:
        for bed in AUC:
            group = f"seeds | {bed} | {case.pay} | default | 1024"
            if found := summary.get(group):
                name = f"`{bed}`, 1,024 evaluations{case.words}: std over seeds of learning"
                on = f"{found['n']} seeds, {_draws(by_draw(learned, group))}"
                yield _at_most(name, found["auc"]["std"], case.std, on)


def _longer(learned: Cells) -> Iterator[Row]:
    for bed in AUC:
        short, long = (_runs(learned, CASES[0], bed, number) for number in (2048, 8192))
        gains = differences(long, short)
        if len(gains):
            name = f"`{bed}`: AUC after 8,192 evaluations less that after 2,048"
            yield _at_least(name, gains.mean(), -0.01, _draws(long), GAIN)


def _full_training(scores: dict[str, Scores]) -> Iterator[Row]:
    ours, uniform, everything, real, oracle = (
        scores.get(name, {})
        for name in ("controller", "uniform", "keep_all", "real_only", "oracle")
    )
    if not (ours and uniform and everything and real and oracle):
        return
    draws, seeds = ({place[part] for place in ours} for part in (0, 1))
    on = f"`labels_plain`, {_draws(draws)}, {len(seeds)} seeds"
    name = "full training: test accuracy less that of"
    for other, words, least in (
        (uniform, "uniform", 0.05),
        (everything, "keep all", 0.08),
        (real, "real only", -0.01),
    ):
        yield _at_least(f"{name} {words}", gains_of_draws(ours, other).mean(), least, on, GAIN)
    way = gains_of_draws(ours, everything).mean() / gains_of_draws(oracle, everything).mean()
    yield _at_least("full training: of the way from keep all to the oracle", way, 0.9, on, SHARE)
    excess = _drop_in_accuracy(ours) - _drop_in_accuracy(uniform)
    name = "full training: drop in accuracy from validation to test less that of uniform"
    yield _at_most(name, excess, 0.01, on, GAIN)


def _drop_in_accuracy(scores: Scores) -> float:
    gaps = [cell["reward_val"]["accuracy"] - cell["test"]["accuracy"] for cell in scores.values()]
    return mean(gaps)


def _drop_on_beds(learned: Cells, beds: Cells) -> Iterator[Row]:
    excess: dict[str, float] = {}
    for bed in BEDS:
        runs = by_draw(learned, group_of(bed))
        known = of_bed(beds, bed, runs)
        if known:
            ours, at_random = drops(runs, known)
            excess[bed] = ours - at_random
    if excess:
        worst = max(excess, key=lambda bed: excess[bed])
        within = sum(value <= 0.01 for value in excess.values())
        yield _at_most(
            "probe: drop in AUC from validation to test less that of random halves, on every bed",
            excess[worst],
            0.01,
            f"`{worst}`, {_draws(by_draw(learned, group_of(worst)))}; {within} of {len(excess)} "
            "beds are within",
            GAIN,
        )


def _over_free(learned: Cells, beds: Cells) -> Iterator[Row]:
    gains = {
        (bed, variant): over_free(runs, of_bed(beds, bed, runs))
        for bed in BEDS
        for variant in VARIANTS
        if bed not in WITHOUT_FAULTS and (runs := by_draw(learned, group_of(bed, variant)))
    }
    gains = {where: gain for where, gain in gains.items() if len(gain) > 1}
    if gains:
        bed, variant = max(gains, key=lambda where: gains[where].mean())
        found = compare(gains[bed, variant])
        yield (
            "stretch: AUC over the best free score ≥ +0.02 on some bed, interval without 0",
            interval(gains[bed, variant]),
            _yes(found["mean"] >= 0.02 and found["low"] > 0),
            f"`{bed}`, {variant}, {_draws(by_draw(learned, group_of(bed, variant)))}",
        )


def _useless(learned: Cells) -> Iterator[Row]:
    """The best variant; of those paid by a probe where no other is measured."""
    for study, words in (("useless_finetuned", ""), ("useless", ", paid by a probe instead")):
        groups = {
            " | ".join(key.split(" | ")[:5]) for key in learned if key.startswith(f"{study} | ")
        }
        mean_auc = {
            group: mean(run["auc"] for run in by_draw(learned, group).values()) for group in groups
        }
        if mean_auc:
            group = max(mean_auc, key=lambda group: mean_auc[group])
            on = f"{group.split(' | ')[3]!r}{words}, {_draws(by_draw(learned, group))}"
            yield _at_least(
                "stretch: `useless`, paid by finetuning: mean AUC", mean_auc[group], 0.65, on
            )
            return


def _null(learned: Cells) -> Iterator[Row]:
    runs = by_draw(learned, "null_reward | labels_plain | null | default | 1024")
    if len(runs) > 1:
        auc_R = np.array([run["auc"] for run in runs.values()])
        found = compare(auc_R - 0.5)
        is_near = found["low"] <= 0 <= found["high"]
        name = "null reward: .5 lies within the interval of the mean AUC"
        yield name, mean_std(auc_R.tolist()), _yes(is_near), _draws(runs)
        silent = sum(map(says_no_signal, runs.values()))
        name = "null reward: every run says that it carries no signal"
        yield name, f"{silent} of {len(runs)}", _yes(silent == len(runs)), _draws(runs)


def _runs(learned: Cells, case: Case, bed: str, evaluations: int) -> ByDraw:
    """By the default; of the first study that has any."""
    groups = (f"{study} | {bed} | {case.pay} | default | {evaluations}" for study in case.studies)
    return next(filter(None, (by_draw(learned, group) for group in groups)), {})


def _at_least(what: str, value: float, least: float, on: str, form: tuple[str, str] = SCORE) -> Row:
    return f"{what} ≥ {_text(least, form[0])}", _text(value, form[1]), _yes(value >= least), on


def _at_most(what: str, value: float, most: float, on: str, form: tuple[str, str] = SCORE) -> Row:
    return f"{what} ≤ {_text(most, form[0])}", _text(value, form[1]), _yes(value <= most), on


def _text(value: float, form: str) -> str:
    return format(value, form).removeprefix("0")


def _yes(is_met: bool) -> str:
    return "yes" if is_met else "no"


def _draws(draws: Iterable[str]) -> str:
    """As `draws 10 to 14`, or one by one where some between are missing."""
    numbers = sorted(map(int, draws))
    if len(numbers) == 1:
        return f"draw {numbers[0]}"
    if numbers == [*range(numbers[0], numbers[-1] + 1)]:
        return f"draws {numbers[0]} to {numbers[-1]}"
    return f"draws {', '.join(map(str, numbers))}"
