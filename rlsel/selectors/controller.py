"""The learned selector: a controller is trained, and the most probable candidates are kept."""

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
    """Train a controller, or resume its training, in `run_dir`."""
    learned = train(algorithm, controller, task, seed, run_dir, num_env_runners, on_iteration)
    mask_N = task.select(learned.keep_probability_N)
    return Selection("controller", mask_N[None], learned.keep_probability_N), learned
