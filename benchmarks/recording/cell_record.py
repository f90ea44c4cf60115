"""A record that is filled cell by cell: killed at any moment, it goes on where it was."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from rlsel.machine.progress import console, progress_bar

from .files import SERIES, Cell, Cells, read_record, this_machine, write_record
from .layout import rounded
from .processes import Work, made_in_processes

Summarise = Callable[[Cells], dict[str, Any]]


class CellRecord:
    """`records/NAME.json`, taken over where it is there, and written anew after every cell."""

    def __init__(
        self,
        path: Path,
        config: Mapping[str, Any],
        summarise: Summarise,
        *,
        n: int | Callable[[Cells], int] = len,
        of_other_settings: Literal["refuse", "start anew"] = "refuse",
        is_timed: bool = False,
        gpu_name: str | None = None,
    ) -> None:
        """Take over the cells that are there.

        Args:
            config: What all cells must agree on. JSON values.
            summarise: Cells to `summary`; empty while too few of them are there.
            n: Measurements behind a figure; by default the number of cells.
            of_other_settings: What happens to cells that were measured with another config. Those
                that cost hours are refused, so that nobody loses them by accident.
            is_timed: The cells are seconds or rates: hardware and versions belong to the settings.

        Raises:
            SystemExit: the cells there were measured with another config, and are not replaced.
        """
        self.path, self._summarise, self._n = path, summarise, n
        # Through JSON and back, so that it compares equal to what was read.
        self.config = json.loads(json.dumps(config, default=str))
        self._here = self._machine = this_machine(gpu_name)
        self.cells: Cells = {}
        if path.exists():
            before = read_record(path)
            machine = {name: before.get(name) for name in self._here}
            settings = self.config | (self._here if is_timed else {})
            known = before.get("config", {}) | (machine if is_timed else {})
            if different := _difference(known, settings):
                if of_other_settings == "refuse":
                    raise SystemExit(f"{path}: {different}: move the record away to start anew")
                console.print(f"{path}: {different}; starting anew", markup=False)
            else:
                self.cells, self._machine = before["cells"], machine

    @property
    def summary(self) -> dict[str, Any]:
        return self._summarise(self.cells)

    def fill(
        self,
        description: str,
        makers: Mapping[str, Callable[[], Cell]],
        until: float = math.inf,
    ) -> None:
        """Make the cells that are not there yet, in the order given; each is written at once.

        A cell that fails is told, and keeps no other from being made.

        Args:
            until: By `time.monotonic()`; none is begun after it.
        """
        missing = self._missing(makers)
        with progress_bar(description, len(missing)) as bar:
            for key, make in missing.items():
                if time.monotonic() >= until:
                    left = len(missing) - bar.done
                    console.print(f"{description}: the time is up, {left} cells are not measured")
                    break
                try:
                    cell = make()
                except Exception as error:  # whatever a measurement may raise
                    console.print(f"  {key}: {type(error).__name__}: {error}", markup=False)
                    continue
                self._add(key, cell)
                bar.advance(note=key)
                console.print(f"  {key}: {_short(cell)}", markup=False)

    def fill_in_processes(self, description: str, work: Work, processes: int) -> None:
        """The same, several cells at a time. A cell that fails ends it.

        Cells of the same kind (the first word of a key) that nobody asks for any more are dropped:
        their settings are no longer these.
        """
        kinds = {_kind(key) for key in work}
        stale = [key for key in self.cells if _kind(key) in kinds and key not in work]
        self.drop(stale)
        if stale:
            console.print(f"{description}: {len(stale)} cells of other settings are dropped")
        missing = self._missing(work)
        with progress_bar(description, len(missing)) as bar:
            for key, cell in made_in_processes(missing, processes):
                self._add(key, cell)
                bar.advance(note=key)

    def drop(self, keys: Iterable[str]) -> None:
        """Forget these cells; they are in the file until it is written again."""
        for key in keys:
            del self.cells[key]

    def write(self) -> None:
        write_record(
            self.path,
            summary=self.summary,
            n=self._n if isinstance(self._n, int) else self._n(self.cells),
            config=self.config,
            cells=self.cells,
            machine=self._machine,
        )

    def _missing(self, makers: Mapping[str, Callable[[], Cell]]) -> dict[str, Callable[[], Cell]]:
        return {key: make for key, make in makers.items() if key not in self.cells}

    def _add(self, key: str, cell: Cell) -> None:
        # As it will be read again, so that the summary does not depend on when it was made.
        self.cells[key] = rounded(cell)
        self._machine = self._here
        self.write()


def _difference(known: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """The first setting in which cells of a record differ from what is wanted now."""
    for name in dict.fromkeys((*known, *settings)):
        if known.get(name) != settings.get(name):
            return f"{name} is {known.get(name)!r}, and now {settings.get(name)!r}"
    return ""


def _kind(key: str) -> str:
    return key.partition(" | ")[0]


def _short(cell: Cell) -> str:
    shown = {k: v for k, v in cell.items() if isinstance(v, int | float) and k != SERIES}
    return ", ".join(f"{key} {value:.4g}" for key, value in shown.items())
