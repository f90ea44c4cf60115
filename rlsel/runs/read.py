"""Read all of a finished run folder, so that the report needs nothing else.

Shape letters in this package: N candidates, T iterations.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float

from rlsel.errors import InputError
from rlsel.machine.json_files import from_json
from rlsel.runs.contact_sheets import ContactSheet, load_contact_sheets
from rlsel.runs.generator_trace import GeneratorTrace, read_trace
from rlsel.runs.lock import holder_of
from rlsel.runs.record import FILE_NAME as RECORD_NAME
from rlsel.runs.record import Record


@dataclass(frozen=True)
class Selection:
    """The columns of `selection.parquet` that are drawn."""

    method: str
    """The method that selected; empty if the file does not name it."""
    class_names: list[str]
    class_name: np.ndarray
    """(n,) strings."""
    distance: Float[np.ndarray, " n"]
    """Cosine distance to the centroid of the candidate's own class."""
    keep_probability: Float[np.ndarray, " n"]
    """NaN if no controller ran."""
    kept: Bool[np.ndarray, " n"]
    useful: Bool[np.ndarray, " n"] | None
    """The planted truth; None unless it is known for every candidate."""
    ids: np.ndarray
    """(n,) strings."""
    nearest_train: np.ndarray | None
    """(n,) ids of the training samples most similar to the candidates; None for older runs."""


@dataclass(frozen=True)
class Run:
    """A run folder in memory. Parts that the folder lacks are None or empty."""

    path: Path
    record: Record
    config_text: str
    iterations: list[dict[str, Any]]
    selection: Selection | None
    contact_sheets: list[ContactSheet]
    generator: GeneratorTrace | None = None

    def column(self, name: str) -> Float[np.ndarray, " t"]:
        """One field of all iterations; NaN if an iteration lacks it."""
        values = [row.get(name) for row in self.iterations]
        return np.array([np.nan if value is None else value for value in values], dtype=float)


def read_run(run_dir: Path | str) -> Run:
    """Read the run folder `run_dir`.

    Raises:
        InputError: there is no such folder, it holds no run, or the run is not finished.
    """
    path = Path(run_dir)
    if not path.is_dir():
        raise InputError(f"{path}: there is no such run folder")
    config = path / "config.yaml"
    if not (path / RECORD_NAME).exists():
        if not config.exists():
            raise InputError(f"{path}: not a run folder: it has no {RECORD_NAME}")
        raise _not_finished(path, "run")
    record = Record.read(path)
    if not record.finished:
        if not record.command.startswith("rlsel.select"):
            raise _not_finished(path, record.made_by)
        raise InputError(f"{path} is not finished: call rlsel.select again with the same arrays")
    return Run(
        path=path,
        record=record,
        config_text=config.read_text(encoding="utf-8") if config.exists() else "",
        iterations=_read_iterations(path / "iterations.jsonl"),
        selection=_read_selection(path / "selection.parquet"),
        contact_sheets=load_contact_sheets(path),
        generator=read_trace(path),
    )


def _not_finished(path: Path, made_by: str) -> InputError:
    if holder := holder_of(path):
        return InputError(f"{path} is not finished: {holder} is at work on it")
    here = shlex.quote(str(path))
    command = f"rlsel {made_by} {here}/config.yaml --out {here} --resume"
    return InputError(f"{path} is not finished: resume it with `{command}`")


def _read_iterations(path: Path) -> list[dict[str, Any]]:
    """Iterations in order. A resumed run repeats the last few; of these the later line counts."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    rows: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = from_json(line)
            rows[int(row["iteration"])] = row
        except (ValueError, KeyError, TypeError):
            if number == len(lines):  # incomplete, because the run was killed while writing it
                break
            raise InputError(f"{path}: line {number} is not an iteration: {line[:80]!r}") from None
    return [rows[iteration] for iteration in sorted(rows)]


def _read_selection(path: Path) -> Selection | None:
    if not path.exists():
        return None
    try:
        table = pq.read_table(path)
        names = [str(name) for name in table.column("class").to_pylist()]
        truth = table.column("useful").to_pylist() if "useful" in table.column_names else [None]
        metadata = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
        in_order = metadata.get("class_names", "").split("\n")
        return Selection(
            method=metadata.get("method", ""),
            class_names=[name for name in dict.fromkeys([*in_order, *names]) if name in names],
            class_name=np.array(names, dtype=np.str_),
            distance=_floats(table, "distance"),
            keep_probability=_floats(table, "keep_probability"),
            kept=np.array(table.column("kept").to_pylist(), dtype=bool),
            useful=None if None in truth else np.array(truth, dtype=bool),
            ids=np.array(table.column("candidate_id").to_pylist(), dtype=np.str_),
            nearest_train=_nearest(table),
        )
    except (pa.ArrowInvalid, KeyError) as error:
        raise InputError(f"{path}: not a selection of rlsel: {error}") from None


def _nearest(table: pa.Table) -> np.ndarray | None:
    if "nearest_train" not in table.column_names:
        return None
    ids = table.column("nearest_train").to_pylist()
    return None if None in ids else np.array(ids, dtype=np.str_)


def _floats(table: pa.Table, name: str) -> Float[np.ndarray, " n"]:
    if name not in table.column_names:
        return np.full(len(table), np.nan)
    values = table.column(name).to_pylist()
    return np.array([np.nan if value is None else value for value in values], dtype=float)
