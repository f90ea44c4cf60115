"""The learned selector: PPO trains a controller, and the most probable candidates are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.task import Task
from rlsel.algorithms.train import Learned, train
from rlsel.controllers import ControllerConfig
from rlsel.selectors.selection import Selection


def learn_selection(
    algorithm: AlgorithmConfig,
    controller: ControllerConfig,
    task: Task,
    seed: int,
    run_dir: Path,
    num_env_runners: int,
    on_iteration: Callable[[dict[str, Any]], None],
) -> tuple[Selection, Learned]:
    """Train (or go on training) in `run_dir`; the selection and how it was learned."""
    learned = train(algorithm, controller, task, seed, run_dir, num_env_runners, on_iteration)
    mask_N = task.select(learned.keep_probability_N)
    return Selection("controller", mask_N[None], learned.keep_probability_N), learned
