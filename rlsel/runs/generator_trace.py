"""The progress of a run's own generator, read from its folder: figures, and the last image grid.

Shape letters: T rows of figures.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rlsel.generators.histogan.watch import GRIDS, STEPS
from rlsel.machine.json_files import from_json

PLACES = (".", "generator")
"""Places of the generator's files: the folder itself after `rlsel generate`, else a subfolder."""


@dataclass(frozen=True)
class GeneratorTrace:
    """Figures and image grid of the training."""

    rows: list[dict[str, Any]]
    grid: Path | None
    """The newest grid: one row per class, always from the same noise."""

    def column(self, name: str) -> Float[np.ndarray, " t"]:
        return np.array([row[name] for row in self.rows], dtype=float)

    @property
    def grid_uri(self) -> str:
        """The grid as a data URI for the page; empty if there is none."""
        if self.grid is None:
            return ""
        return f"data:image/png;base64,{base64.b64encode(self.grid.read_bytes()).decode()}"


def read_trace(run_dir: Path) -> GeneratorTrace | None:
    """Read the figures; None if the run had no generator of its own."""
    for place in PLACES:
        steps = run_dir / place / STEPS
        if steps.exists():
            rows = [from_json(line) for line in steps.read_text(encoding="utf-8").splitlines()]
            grids = sorted((run_dir / place / GRIDS).glob("step_*.png"))
            return GeneratorTrace(rows, grids[-1] if grids else None)
    return None
