"""Advantages as they come out of RLlib's pipeline and reach the loss, against loops."""

from typing import Any

import numpy as np
import pytest
from line import DECISIONS, EPISODES, Line
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from rlsel.algorithms.config import CreditConfig

pytestmark = pytest.mark.filterwarnings("ignore:.*Overriding environment:UserWarning")


def test_advantages_that_reach_the_loss_are_centred_and_of_variance_one() -> None:
    line = Line()
    advantage_B1 = line.batch()[Postprocessing.ADVANTAGES]

    assert advantage_B1.shape == (EPISODES * DECISIONS, 1)
    assert advantage_B1.mean() == pytest.approx(0, abs=1e-5)
    assert advantage_B1.var(correction=0) == pytest.approx(1, abs=1e-4)
    # By decision, as the baseline of that name says.
    assert line.by_episode(advantage_B1).mean(0) == pytest.approx(np.zeros(DECISIONS), abs=1e-5)


def naive_advantages(line: Line, values_ED: np.ndarray, gamma: float) -> np.ndarray:
    """What follows, discounted, beyond the value; then to mean 0 and variance 1."""
    rewards_ED, to_go_ED = line.rewards(), np.zeros((EPISODES, DECISIONS))
    for e, d in np.ndindex(EPISODES, DECISIONS):
        to_go_ED[e, d] = sum(
            gamma ** (later - d) * rewards_ED[e, later] for later in range(d, DECISIONS)
        )
    beyond_ED = to_go_ED - values_ED
    return (beyond_ED - beyond_ED.mean()) / beyond_ED.std()


@pytest.mark.parametrize("gamma", [0.0, 0.7, 1.0])
def test_with_the_value_as_baseline_advantages_are_those_of_a_naive_loop(gamma: float) -> None:
    line = Line(gamma=gamma, baseline="value")
    batch = line.batch()
    values_ED = line.by_episode(line.module.compute_values(batch))

    advantage_ED = line.by_episode(batch[Postprocessing.ADVANTAGES])

    assert np.ptp(values_ED) > 0.01
    assert advantage_ED == pytest.approx(naive_advantages(line, values_ED, gamma), abs=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_with_the_decision_as_baseline_advantages_are_those_of_a_naive_loop(gamma: float) -> None:
    line = Line(gamma=gamma)
    targets_ED = line.by_episode(line.batch()[Postprocessing.VALUE_TARGETS])

    advantage_ED = line.by_episode(line.batch()[Postprocessing.ADVANTAGES])

    values_ED = np.repeat(targets_ED.mean(0, keepdims=True), EPISODES, axis=0)
    assert advantage_ED == pytest.approx(naive_advantages(line, values_ED, gamma), abs=1e-4)


def test_without_a_baseline_returns_are_scaled_and_never_moved() -> None:
    line = Line(baseline="none")

    advantage_ED = line.by_episode(line.batch()[Postprocessing.ADVANTAGES])

    rewards_ED = line.rewards()
    expected_ED = rewards_ED / np.sqrt(np.mean(rewards_ED**2))
    assert advantage_ED == pytest.approx(expected_ED, abs=1e-4)


@pytest.mark.parametrize("name", ["ridge", "factored"])
def test_with_credit_every_candidate_has_an_advantage_of_its_own(name: Any) -> None:
    batch = Line(credit=CreditConfig(name=name)).batch()

    advantage_BK, valid_BK = batch[Postprocessing.ADVANTAGES], batch[Columns.OBS]["valid"]

    assert advantage_BK.shape == valid_BK.shape
    assert not advantage_BK[valid_BK == 0].any()
    assert advantage_BK[valid_BK == 1].square().mean() == pytest.approx(1, abs=1e-4)
    assert (advantage_BK.std(1) > 0).all()
