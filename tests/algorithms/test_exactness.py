"""Every controller learns, by every algorithm, where the best answer is known by enumeration."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs import RewardFn, SelectionProblem, phantom_problem
from rlsel.algorithms.config import AlgorithmConfig, CreditConfig
from rlsel.algorithms.task import Task
from rlsel.algorithms.train import Learned, train
from rlsel.controllers.config import GRUConfig, MLPConfig, TransformerConfig

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*Overriding environment:UserWarning"),
]
CONTROLLERS: dict[str, Any] = {
    "transformer": TransformerConfig(hidden_size=16, num_layers=1),
    "gru": GRUConfig(hidden_size=16),
    "gru_attention": GRUConfig(name="gru_attention", hidden_size=16),
    "mlp": MLPConfig(hidden_size=16, num_layers=1),
}
ALGORITHMS: dict[str, Any] = {
    "ppo": {"iterations": 15, "lr": 0.01},
    "reinforce": {"iterations": 30, "lr": 0.02},
}
NUM_CANDIDATES = 11


class Diminishing:
    """The more there is, the less each adds; and each costs the same."""

    def __init__(self, value_N: np.ndarray) -> None:
        self.value_N = value_N

    def __call__(self, kept_N: np.ndarray) -> float:
        return float(np.log1p(self.value_N[kept_N].sum()) - 0.15 * kept_N.sum())


def one_decision() -> tuple[SelectionProblem, RewardFn, Diminishing]:
    """A problem, its additive worth, and one that does not add up."""
    problem, worth = phantom_problem(np.random.default_rng(0), NUM_CANDIDATES, num_decisions=1)
    return problem, worth, Diminishing(np.exp(NUM_CANDIDATES * worth.worth_N))


def scores_of_all_masks(reward: RewardFn) -> np.ndarray:
    masks = itertools.product([False, True], repeat=NUM_CANDIDATES)
    return np.array([reward(np.array(mask)) for mask in masks])


def learn(
    controller: str, algorithm: str, reward: RewardFn, run_dir: Path, seed: int = 0, **changed: Any
) -> Learned:
    settings = {"name": algorithm, "episodes": 64, **ALGORITHMS[algorithm], **changed}
    task = Task(one_decision()[0], reward, reward, {"covers": "decision"})
    config = AlgorithmConfig(**settings)
    return train(config, CONTROLLERS[controller], task, seed, run_dir, num_env_runners=0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("controller", CONTROLLERS)
def test_every_controller_learns_nearly_the_best_of_all_masks(
    controller: str, algorithm: str, ray_cluster: None, tmp_path: Path
) -> None:
    _, _, diminishing = one_decision()
    scores_M = scores_of_all_masks(diminishing)
    assert scores_M.mean() < 0.7 * scores_M.max(), "coins must not do"
    assert scores_M[-1] < 0.65 * scores_M.max(), "nor must keeping all"

    learned = learn(controller, algorithm, diminishing, tmp_path)

    # The mean over the episodes of the last iteration. Of seeds 0 to 7, each with a problem of its
    # own, all were there after 5 to 11 iterations of PPO, and 6 to 22 of REINFORCE.
    assert learned.rows[-1]["reward_mean"] > 0.95 * scores_M.max()
    assert learned.rows[-1]["selection_val"] > 0.95 * scores_M.max()


@pytest.mark.parametrize(
    ("algorithm", "name", "iterations"), [("ppo", "ridge", 8), ("reinforce", "factored", 20)]
)
def test_credit_learns_nearly_the_best_of_all_masks(
    algorithm: str, name: Any, iterations: int, ray_cluster: None, tmp_path: Path
) -> None:
    _, worth, _ = one_decision()
    scores_M = scores_of_all_masks(worth)
    credit = CreditConfig(name=name)

    learned = learn("transformer", algorithm, worth, tmp_path, credit=credit, iterations=iterations)

    # Seeds 0 to 4: at the latest after 4 and 15 iterations.
    assert learned.rows[-1]["reward_mean"] > 0.95 * scores_M.max()
    assert scores_M.mean() < 0.5 * scores_M.max()


@pytest.mark.parametrize(("controller", "algorithm"), [("gru", "ppo"), ("mlp", "reinforce")])
def test_the_same_seed_learns_the_same_and_another_one_does_not(
    controller: str, algorithm: str, ray_cluster: None, tmp_path: Path
) -> None:
    _, _, diminishing = one_decision()

    def curve(seed: int, run_dir: Path) -> list[dict[str, Any]]:
        short = {"iterations": 2, "episodes": 16}
        learned = learn(controller, algorithm, diminishing, run_dir, seed, **short)
        return [{k: v for k, v in row.items() if k != "seconds"} for row in learned.rows]

    one, again, other = (curve(seed, tmp_path / str(i)) for i, seed in enumerate((5, 5, 6)))

    assert one == again
    assert one != other
