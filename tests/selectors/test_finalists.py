"""Which selections a run compares at its end, and which of them it recommends."""

import numpy as np
import pytest
from small_table import small_table

from rlsel.selectors import Selection
from rlsel.selectors.finalists import decide, finalists
from rlsel.selectors.free import FreeSets, free_sets

LABELS = small_table().labels
NUM = len(LABELS)
SCORES = {
    name: np.random.default_rng(seed).random(NUM) for seed, name in enumerate("abcd", start=1)
}
SETS = tuple(free_sets(SCORES, LABELS, ((0.0, 1.0),) * 3))
ORDER = {"c": 0.9, "a": 0.8, "d": 0.7, "b": 0.6, "none": 0.1, "all": 0.2}
TRIED = FreeSets(
    SETS,
    np.array([ORDER[one.score] - one.fraction / 100 for one in SETS]),
    np.zeros(len(SETS)),
    SCORES,
)
LEARNED = Selection("controller", np.arange(NUM)[None] % 3 == 0, np.linspace(0, 1, NUM))


def test_they_go_from_the_simplest_to_the_learned_one() -> None:
    found = finalists(TRIED, LEARNED, allows_none_and_all=True)

    names = [one.method for one in found]
    assert names == ["real_only", "keep_all", "free", "free_a", "free_d", "controller"]
    assert [one.num_kept for one in found[:2]] == [0, NUM]
    assert np.array_equal(found[2].kept_N, TRIED.selection.kept_N)


def test_a_budget_leaves_out_none_and_all() -> None:
    found = finalists(TRIED, LEARNED, allows_none_and_all=False)

    assert [one.method for one in found][:1] == ["free"]


def test_without_free_sets_or_learning_the_others_stay() -> None:
    assert [one.method for one in finalists(None, LEARNED, True)] == ["controller"]
    assert [one.method for one in finalists(TRIED, None, True)][-1] == "free_d"


def test_of_equal_sets_the_simplest_stays() -> None:
    everything = Selection("controller", np.ones((1, NUM), dtype=bool))

    names = [one.method for one in finalists(TRIED, everything, True)]

    assert "keep_all" in names
    assert "controller" not in names


def scores(*means: float, noise: float = 0.01) -> np.ndarray:
    """Three rounds; the noise of each finalist differs, so a difference has a standard error."""
    pattern = np.array([[1, -1, 0], [0, 1, -1], [-1, 0, 1], [1, 0, -1]])[: len(means)]
    return np.array(means)[:, None] + noise * pattern


@pytest.mark.parametrize(
    ("means", "best"),
    [
        ((0.70, 0.80, 0.90), "controller"),  # clearly better than both
        ((0.70, 0.80, 0.81), "free"),  # ahead, but by less than two standard errors
        ((0.70, 0.80, 0.60), "free"),
        ((0.795, 0.80, 0.60), "real_only"),  # within one standard error of the best free one
        ((0.795, 0.80, 0.90), "controller"),
    ],
)
def test_the_simpler_one_wins_unless_another_is_clearly_better(
    means: tuple[float, ...], best: str
) -> None:
    names = ["real_only", "free", "controller"]

    made = decide(scores(*means), names)

    assert names[made.best] == best
    assert made.leader == int(np.argmax(means))


def test_with_one_round_the_higher_score_counts() -> None:
    made = decide(np.array([[0.80], [0.81], [0.82]]), ["real_only", "free", "controller"])

    assert made.best == made.leader == 2


def test_a_level_score_leaves_the_simpler_one() -> None:
    made = decide(np.full((3, 3), 0.8), ["real_only", "free", "controller"])

    assert made.best == 0
