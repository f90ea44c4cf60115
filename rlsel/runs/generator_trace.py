"""How a run's own generator came along, as its folder has it: figures, and the last grid it made.

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
"""Where it may lie in a run folder: `rlsel generate` has one folder, a run one within."""


@dataclass(frozen=True)
class GeneratorTrace:
    """What the training left to be looked at."""

    rows: list[dict[str, Any]]
    grid: Path | None
    """The newest: a row for each class, always of the same noise."""

    def column(self, name: str) -> Float[np.ndarray, " t"]:
        return np.array([row[name] for row in self.rows], dtype=float)

    @property
    def grid_uri(self) -> str:
        """The grid inside the page; empty where there is none."""
        if self.grid is None:
            return ""
        return f"data:image/png;base64,{base64.b64encode(self.grid.read_bytes()).decode()}"


def read_trace(run_dir: Path) -> GeneratorTrace | None:
    """None where the run had no generator of its own."""
    for place in PLACES:
        steps = run_dir / place / STEPS
        if steps.exists():
            rows = [from_json(line) for line in steps.read_text(encoding="utf-8").splitlines()]
            grids = sorted((run_dir / place / GRIDS).glob("step_*.png"))
            return GeneratorTrace(rows, grids[-1] if grids else None)
    return None
