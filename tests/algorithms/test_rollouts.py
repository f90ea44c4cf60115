"""Every episode of a run has random numbers of its own, whoever walks through it."""

from types import SimpleNamespace

import numpy as np
import torch

from rlsel.algorithms import rollouts


def seeds(
    iteration: int, worker_index: int = 0, num_runners: int = 1, seed: int = 0
) -> list[float]:
    """What torch draws at the start of each episode that one runner walks through first."""
    runner = SimpleNamespace(worker_index=worker_index, env=None)
    rollouts.begin(rollouts.Iteration(seed, iteration, num_runners))(runner)
    drawn = []
    for _ in range(12 // num_runners):
        rollouts.EpisodeWatcher().on_episode_start(env_runner=runner)
        drawn.append(float(torch.rand((), dtype=torch.float64)))
    return drawn


def test_no_two_episodes_of_a_run_draw_the_same_numbers() -> None:
    drawn = [seed for iteration in range(5) for seed in seeds(iteration)]

    assert len(set(drawn)) == 5 * 12


def test_another_run_draws_other_numbers() -> None:
    assert not set(seeds(0, seed=0)) & set(seeds(0, seed=1))


def test_an_iteration_draws_the_same_numbers_whatever_came_before_it() -> None:
    assert seeds(3) == seeds(3)


def test_runners_deal_the_episodes_of_an_iteration_out_among_themselves() -> None:
    alone = seeds(2)
    # RLlib counts remote runners from 1.
    dealt = [seeds(2, worker_index, num_runners=3) for worker_index in (1, 2, 3)]

    assert [seed for part in zip(*dealt, strict=True) for seed in part] == alone


def test_seeding_sets_the_generators_that_rllib_draws_from() -> None:
    drawn = []
    for seed in (5, 5, 6):
        rollouts.seed_everything(seed)
        drawn.append((float(torch.rand(())), float(np.random.rand())))  # noqa: NPY002

    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[2][0]
    assert drawn[0][1] != drawn[2][1]
