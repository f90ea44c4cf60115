"""Keep probabilities of a pool of several shards, read once learning has ended.

An iteration learns on one shard, and reads its policy there alone. The policies of all iterations
are stored, and here each is asked about the whole pool.

Shape letters: N candidates.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from envs import SelectionProblem
from rlsel.algorithms.history import CHECKPOINTS
from rlsel.algorithms.policy import keep_probabilities
from rlsel.controllers import Controller
from rlsel.machine.atomic_files import write_bytes
from rlsel.machine.progress import track
from rlsel.seeding import derive_seed

PASSES = 1
"""Episodes on each shard that a probability is averaged over. An iteration averages over 8, but
here the mean is over the policies of many iterations as well."""


def save_policy(run_dir: Path, number: int, controller: Controller) -> None:
    """Store the policy that an iteration, counted from 1, has ended with."""
    torch.save(controller.state_dict(), content := io.BytesIO())
    write_bytes(_policy_path(run_dir, number), content.getvalue())


def read_pool(
    run_dir: Path,
    build: Callable[[], Controller],
    problem: SelectionProblem,
    seed: int,
    iterations: Sequence[int],
) -> dict[int, Float[np.ndarray, " n"]]:
    """For each of `iterations`, counted from 0: the mean keep probability over all up to it.

    What has been read of a policy is stored, so an interrupted reading goes on where it was.

    Args:
        build: Makes a controller, into which the weights of each policy are loaded.
    """
    controller = build()
    controller.eval()
    total_N = np.zeros(problem.num_candidates)
    means: dict[int, np.ndarray] = {}
    last = max(iterations) + 1
    for number in track(range(1, last + 1), "reading the policies on all shards", last):
        total_N += _read(run_dir, number, controller, problem, seed)
        if number - 1 in iterations:
            means[number - 1] = total_N / number
    return means


def _read(
    run_dir: Path, number: int, controller: Controller, problem: SelectionProblem, seed: int
) -> Float[np.ndarray, " n"]:
    path = run_dir / CHECKPOINTS / "pool" / f"{number:05d}.npy"
    if path.exists():
        return np.load(path)
    weights = torch.load(_policy_path(run_dir, number), map_location="cpu", weights_only=True)
    controller.load_state_dict(weights)
    probability_N = keep_probabilities(
        controller, problem, derive_seed(seed, "read", number - 1), PASSES
    )
    np.save(content := io.BytesIO(), probability_N)
    write_bytes(path, content.getvalue())
    return probability_N


def _policy_path(run_dir: Path, number: int) -> Path:
    return run_dir / CHECKPOINTS / "policies" / f"{number:05d}.pt"
