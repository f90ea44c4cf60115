"""Reading and writing the files of a record."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsel.machine.atomic_files import write_text
from rlsel.runs.record import describe_device, installed_versions

from .layout import rounded, to_text
from .series import path_of_series, read_series, write_series

Cell = dict[str, Any]
"""What one measurement found: JSON values. What it has under `SERIES` goes to the Parquet file."""
Cells = dict[str, Cell]
Record = dict[str, Any]
"""`summary`, `n`, `hardware`, `versions`, `config` and `cells`."""
SERIES = "series"


def write_record(
    path: Path,
    *,
    summary: Mapping[str, Any],
    n: int,
    config: Mapping[str, Any],
    cells: Mapping[str, Cell],
    machine: Mapping[str, Any] | None = None,
) -> None:
    """Replace the record; killed at any moment, the old one or the new one is there.

    Args:
        summary: The figures that targets and findings name.
        n: How many measurements a figure stands for.
        config: The settings that all cells share.
        machine: `hardware` and `versions`; of this machine where it is None.
    """
    record = {
        "summary": rounded(summary),
        "n": n,
        **(machine or this_machine()),
        "config": config,
        "cells": {
            key: {name: rounded(value) for name, value in cell.items() if name != SERIES}
            for key, cell in cells.items()
        },
    }
    series = {key: cell[SERIES] for key, cell in cells.items() if SERIES in cell}
    # First, so that a kill in between leaves series of a cell that is made again, and no cell
    # without its series.
    if series:
        write_series(path_of_series(path), series)
    write_text(path, to_text(record))
    if not series:
        path_of_series(path).unlink(missing_ok=True)


def read_record(path: Path) -> Record:
    """The record at `path`, with the series of its cells.

    Raises:
        SystemExit: it is not JSON.
    """
    try:
        record = json.loads(path.read_text())
    except ValueError as error:
        raise SystemExit(
            f"{path}: is not JSON ({error}): take it from git again, or move it away to start anew"
        ) from None
    if path_of_series(path).exists():
        cells = record["cells"]
        for key, series in read_series(path_of_series(path)).items():
            if key in cells:
                cells[key][SERIES] = series
    return record


def this_machine(gpu_name: str | None = None) -> dict[str, Any]:
    """What seconds depend on."""
    return {"hardware": describe_device(gpu_name), "versions": installed_versions()}
