"""Reading through the cache, and looking into it."""

from pathlib import Path

import numpy as np

from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource


def read(source: FolderSource, size: tuple[int, int] | None = None) -> np.ndarray:
    return read_whole(source, size, skip_bad=False)[0].images


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "images").iterdir())
