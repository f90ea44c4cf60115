"""The progress of a run's own generator, read from its folder: figures, and the last image grid.

Shape letters: T rows of figures.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rlsel.errors import InputError
from rlsel.experiment.yaml_files import read_yaml
from rlsel.generators.registry import GENERATORS
from rlsel.generators.seam import Panel
from rlsel.generators.training_folder import STEPS, grids_in, read_rows
from rlsel.runs.config_file import CONFIG

PLACES = (".", "generator")
"""Places of the generator's files: the folder itself after `rlsel generate`, else a subfolder."""


@dataclass(frozen=True)
class GeneratorTrace:
    """Figures and image grid of the training."""

    rows: list[dict[str, Any]]
    grid: Path | None
    """The newest: a row for each class, always of the same noise."""
    panels: tuple[Panel, ...] = ()
    """What can be drawn of the rows; empty where this version does not know the generator."""
    reading_aid: str = ""

    def column(self, name: str) -> Float[np.ndarray, " t"]:
        """NaN where a row lacks it."""
        return np.array([row.get(name, np.nan) for row in self.rows], dtype=float)

    @property
    def grid_uri(self) -> str:
        """The grid as a data URI for the page; empty if there is none."""
        if self.grid is None:
            return ""
        return f"data:image/png;base64,{base64.b64encode(self.grid.read_bytes()).decode()}"


def read_trace(run_dir: Path) -> GeneratorTrace | None:
    """Read the figures; None if the run had no generator of its own."""
    for place in PLACES:
        folder = run_dir / place
        if not (folder / STEPS).exists():
            continue
        rows, grids = read_rows(folder), grids_in(folder)
        grid = grids[-1] if grids else None
        generator = GENERATORS.get(_kind_of(run_dir))
        if generator is None:
            return GeneratorTrace(rows, grid)
        return GeneratorTrace(rows, grid, generator.panels, generator.reading_aid)
    return None


def _kind_of(run_dir: Path) -> str:
    """The kind of generator by the config, which another version may have written."""
    try:
        block = read_yaml(run_dir / CONFIG).get("generator")
    except InputError:
        return ""
    return str(block.get("name", "")) if isinstance(block, dict) else ""
