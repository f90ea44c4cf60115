"""The figures of every iteration, for TensorBoard."""

import math
from pathlib import Path
from typing import Any

from rlsel.machine.event_file import EventFile

FOLDER = "tensorboard"
GROUPS = {
    "reward": (
        "reward_mean",
        "reward_std",
        "reward_val",
        "selection_val",
        "noise_floor",
        "spread_between_sets",
    ),
    "policy": ("keep_fraction", "entropy", "kl", "clip_fraction", "num_selected"),
    "learning": ("lr", "grad_norm", "explained_variance", "positive_advantages"),
}
"""Heading -> its figures. Figures that an iteration lacks are left out."""


class TensorBoard:
    """Writes `tensorboard/` in a run folder; `tensorboard --logdir RUN` shows it, also live."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / FOLDER
        self._opened: EventFile | None = None

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *error: object) -> None:
        if self._opened is not None:
            self._opened.close()

    def show(self, row: dict[str, Any]) -> None:
        """Write the figures of one iteration, at the number of evaluations so far."""
        if self._opened is None:  # opened late, so that a run without a controller has no file
            self._opened = EventFile(self._folder)
        step = int(row["evaluations"])
        figures = {
            f"{group}/{name}": row.get(name, math.nan)
            for group, names in GROUPS.items()
            for name in names
        }
        figures |= {
            f"kept_of_class/{name}": share for name, share in row["keep_fraction_per_class"].items()
        }
        self._opened.add({k: v for k, v in figures.items() if math.isfinite(v)}, step)
        self._opened.flush()
