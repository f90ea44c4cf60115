"""Writing a selection out as images, for whatever trains on it next."""

import re
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from rlsel.atomic_files import replacing
from rlsel.data import load_splits
from rlsel.errors import InputError
from rlsel.pool import build_pool
from rlsel.progress import track
from rlsel.records import Record
from rlsel.run_folder import read_experiment
from rlsel.selectors.table import FILE_NAME, read_selection


def export_selection(run_dir: Path, to: Path) -> int:
    """Write the selected candidates as PNG into one folder per class, with `selection.parquet`.

    The images are read again from where the run had them.

    Returns:
        how many images were written.

    Raises:
        InputError: no such run, its inputs have changed since, or `to` is not empty.
    """
    experiment = read_experiment(run_dir)
    table = read_selection(run_dir)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{to}: exists and is not empty; choose a new folder")
    splits = load_splits(experiment.data, experiment.seed)
    pool = build_pool(experiment.pool, splits, experiment.data, experiment.seed)
    if pool.digest != Record.read(run_dir).pool_digest:
        raise InputError(
            f"{run_dir}: the candidates have changed since this run; bring back {pool.source}"
        )
    kept = np.flatnonzero(np.array(table.column("kept").to_pylist(), dtype=bool))
    folders = [_safe_name(name) for name in pool.candidates.class_names]
    for index in track(kept, "writing images", len(kept)):
        folder = to / folders[pool.candidates.labels[index]]
        name = _safe_name(str(pool.candidates.ids[index]))
        with replacing(folder / f"{name}.png") as temporary:
            Image.fromarray(np.asarray(pool.candidates.images[index])).save(temporary)
    with replacing(to / FILE_NAME) as temporary:
        shutil.copyfile(run_dir / FILE_NAME, temporary)
    return len(kept)


def _safe_name(text: str) -> str:
    """A file name out of a class name or an id; ids are unique, and stay so but for odd signs."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip(".") or "_"
