"""A record that is written cell by cell, so that an interrupted measurement goes on."""

import ast
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from rlsel.machine.json_files import write_json
from rlsel.machine.progress import console, progress_bar
from rlsel.metrics import mean_and_std
from rlsel.runs.record import describe_device, installed_versions

Cell = dict[str, Any]
Summarise = Callable[[dict[str, Cell]], dict[str, Any]]


class CellFile:
    """`benchmarks/records/NAME.json`: summary, n, hardware, versions, config, cells."""

    def __init__(
        self, path: Path, config: dict[str, Any], summarise: Summarise, gpu_name: str | None = None
    ) -> None:
        """Take over the cells of `path` if they were measured with the same config, here.

        Hardware, versions and the code in question belong to the config: seconds of another
        machine or of another trainer are not mixed with these.
        """
        self.path, self._summarise = path, summarise
        self._machine = {
            "hardware": describe_device(gpu_name),
            "versions": installed_versions(),
        }
        # Through JSON and back, so that it compares equal to what was read.
        self.config = json.loads(json.dumps(config, default=str))
        before = json.loads(path.read_text()) if path.exists() else {}
        same = all(before.get(key) == value for key, value in self._head().items())
        self.cells: dict[str, Cell] = before["cells"] if before and same else {}
        if before and not same:
            console.print(f"{path}: of other code, settings or hardware; starting anew")

    def fill(
        self,
        description: str,
        makers: Mapping[str, Callable[[], Cell]],
        until: float = math.inf,
    ) -> None:
        """Measure the cells that are not there yet, in the order given.

        Args:
            until: By `time.monotonic()`; none is begun after it.
        """
        missing = {key: make for key, make in makers.items() if key not in self.cells}
        with progress_bar(description, len(missing)) as bar:
            for key, make in missing.items():
                if time.monotonic() >= until:
                    left = len(missing) - bar.done
                    console.print(f"{description}: the time is up, {left} cells are not measured")
                    break
                try:
                    self.cells[key] = make()
                except Exception as error:  # one that fails keeps no other from being measured
                    console.print(f"  {key}: {type(error).__name__}: {error}", markup=False)
                    continue
                self.write()
                bar.advance(note=key)
                console.print(f"  {key}: {_short(self.cells[key])}", markup=False)

    def write(self) -> None:
        record = {
            "summary": self.summary,
            "n": len(self.cells),
            **self._head(),
            "cells": self.cells,
        }
        write_json(self.path, record)

    @property
    def summary(self) -> dict[str, Any]:
        return self._summarise(self.cells)

    def _head(self) -> dict[str, Any]:
        return {**self._machine, "config": self.config}


def digest_of_code(paths: Iterable[Path]) -> str:
    """Changes with what the files do, not with their comments or line breaks."""
    trees = [ast.dump(ast.parse(path.read_text())) for path in sorted(paths)]
    return hashlib.blake2b("\0".join(trees).encode(), digest_size=6).hexdigest()


def measured_code() -> list[Path]:
    """What the figures depend on; other changes leave finished cells as they are."""
    package, here = Path(__file__).parents[2] / "rlsel", Path(__file__).parent
    rewards = [package / "rewards" / f"{name}.py" for name in ("probe", "finetune", "workbench")]
    own = [path for path in here.glob("*.py") if path.stem not in ("sections", "summary")]
    return [*(package / "classifier").glob("*.py"), *rewards, *own]


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most of repeated measurements."""
    figures = {"median": median(values), "min": min(values), "max": max(values)}
    return {key: rounded(value) for key, value in figures.items()} | {"n": len(values)}


def mean_with_std(values: list[float]) -> dict[str, Any]:
    """Mean and sample std; the std of one value is null."""
    mean, std = mean_and_std(values)
    figures = {"mean": rounded(mean), "std": rounded(std) if math.isfinite(std) else None}
    return figures | {"n": len(values)}


def rounded(value: float) -> float:
    """Five figures: more than any of these measurements can tell apart."""
    return float(f"{value:.5g}")


def _short(cell: Cell) -> str:
    shown = {key: value for key, value in cell.items() if isinstance(value, int | float)}
    return ", ".join(f"{key} {value:.4g}" for key, value in shown.items())
