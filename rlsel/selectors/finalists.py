"""The few selections between which a run decides, and how it decides.

The question is whether the learned selection is better than what is free, and whether what is free
is better than none or all of the candidates. It is answered by trainings that are scored on
selection-val, in pairs: round r trains every finalist with the same seed. The rewards do not see
selection-val, but it has chosen among the iterations of the controller, which favours the learned
selection a little.

Shape letters: F finalists, R rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from rlsel.selectors.free import ALL, METHOD, NONE, FreeSets
from rlsel.selectors.selection import Selection

NUM_NEXT = 2
"""Best sets of further free scores that are finalists."""
TIE, GAIN = 1.0, 2.0
"""Paired standard errors of the mean: within so many a simpler finalist is as good, and by more
than so many the learned selection must lead to take the place of one that is free."""


@dataclass(frozen=True)
class Decision:
    """Which finalist is recommended."""

    best: int
    """Index of the recommended finalist."""
    leader: int
    """Index of the finalist with the highest mean, which may be no better than a simpler one."""


def finalists(
    free: FreeSets | None, learned: Selection | None, allows_none_and_all: bool
) -> list[Selection]:
    """From the simplest to the learned one: none, all, the best free sets, learned; each set once.

    Args:
        allows_none_and_all: Whether the settings allow any share of the pool.
    """
    found: list[Selection] = []
    if free is not None:
        if allows_none_and_all:
            ends = {one.score: one.kept_N for one in free.sets if one.score in (NONE, ALL)}
            names = {NONE: "real_only", ALL: "keep_all"}
            found += [Selection(names[end], kept_N[None]) for end, kept_N in ends.items()]
        best_of: dict[str, int] = {}
        for index in np.argsort(-free.reward_val_S, kind="stable").tolist():
            best_of.setdefault(free.sets[index].score, index)
        ranked = [score for score in best_of if score not in (NONE, ALL)]
        for place, score in enumerate(ranked[: 1 + NUM_NEXT]):
            kept_N = free.sets[best_of[score]].kept_N
            name = METHOD if place == 0 else f"{METHOD}_{score}"
            found.append(Selection(name, kept_N[None], free.scores[score]))
    if learned is not None:
        found.append(replace(learned, masks_RN=learned.masks_RN[:1]))
    distinct = {one.kept_N.tobytes(): one for one in reversed(found)}  # of equal ones the simplest
    return [one for one in found if distinct[one.kept_N.tobytes()] is one]


def decide(scores_FR: Float[np.ndarray, "f r"], names: Sequence[str]) -> Decision:
    """The recommended finalist by its scores, which are compared round by round.

    Of those that are free, the simplest one counts that is within one standard error of the best.
    The learned selection takes its place if it leads by more than two. With one round there is no
    standard error, and the higher score counts.

    Args:
        names: Methods, from the simplest; the learned one is `controller`.
    """
    mean_F = scores_FR.mean(axis=1)
    free = [f for f, name in enumerate(names) if name != "controller"]
    chosen = None
    if free:
        best = max(free, key=lambda f: mean_F[f])
        chosen = next(f for f in free if not _leads(scores_FR[best] - scores_FR[f], TIE))
    for f, name in enumerate(names):
        if name == "controller" and (
            chosen is None or _leads(scores_FR[f] - scores_FR[chosen], GAIN)
        ):
            chosen = f
    assert chosen is not None, "there is no finalist"
    return Decision(chosen, int(mean_F.argmax()))


def _leads(gain_R: np.ndarray, errors: float) -> bool:
    """Whether a gain over the rounds is above so many of its standard errors."""
    rounds = len(gain_R)
    error = gain_R.std(ddof=1) / np.sqrt(rounds) if rounds > 1 else 0.0
    return bool(gain_R.mean() > errors * error)
