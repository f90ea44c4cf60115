"""A record that processes fill cell by cell: killed at any moment, it goes on where it was."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rlsel.machine.atomic_files import write_text
from rlsel.machine.json_files import to_json
from rlsel.machine.progress import console, progress_bar
from rlsel.runs.record import describe_device, installed_versions

Cell = dict[str, Any]
Work = Mapping[str, Callable[[], Cell]]
"""Key -> what makes the cell; it travels to another process."""
Summarise = Callable[[dict[str, Cell]], dict[str, Any]]


def fill(
    cells: dict[str, Cell],
    description: str,
    work: Work,
    processes: int,
    write: Callable[[], None],
) -> None:
    """Make the cells that are not there yet, in the order given; `write` is called after each."""
    missing = {key: make for key, make in work.items() if key not in cells}
    with (
        ProcessPoolExecutor(
            processes, mp_context=get_context("spawn"), initializer=_end_with_parent
        ) as workers,
        progress_bar(description, len(missing)) as bar,
    ):
        futures = {workers.submit(make): key for key, make in missing.items()}
        try:
            for future in as_completed(futures):
                cells[futures[future]] = future.result()
                write()
                bar.advance(note=futures[future])
        except BaseException:
            # Or the workers would go on for hours, and nobody would write down what they find.
            workers.shutdown(cancel_futures=True)
            raise


class ResumableRecord:
    """`benchmarks/records/NAME.json`: summary, n, hardware, versions, config, cells."""

    def __init__(self, path: Path, n: int, config: dict[str, Any], summarise: Summarise) -> None:
        """Take over the cells that are there.

        Args:
            n: Seeds of each figure.
            config: What the cells must agree on. JSON values.
            summarise: Cells to `summary`; empty while too few of them are there.

        Raises:
            SystemExit: the cells there were measured with another config.
        """
        self.path, self._n, self._config, self._summarise = path, n, config, summarise
        before = json.loads(path.read_text()) if path.exists() else {"config": config, "cells": {}}
        for name, value in before["config"].items():
            if value != config.get(name):
                raise SystemExit(
                    f"{path}: {name} is {value!r}, and now {config.get(name)!r}: move the record "
                    "away to start anew"
                )
        self.cells: dict[str, Cell] = before["cells"]

    def fill(self, description: str, work: Work, processes: int) -> None:
        """Make the cells that are not there yet, in the order given; each is written at once.

        Cells of the same kind (the first word of a key) that nobody asks for any more are dropped:
        their settings are no longer these.
        """
        kinds = {_kind(key) for key in work}
        stale = [key for key in self.cells if _kind(key) in kinds and key not in work]
        for key in stale:
            del self.cells[key]
        if stale:
            console.print(f"{description}: {len(stale)} cells of other settings are dropped")
        fill(self.cells, description, work, processes, self.write)

    def write(self) -> None:
        record = {
            "summary": self._summarise(self.cells),
            "n": self._n,
            "hardware": describe_device(),
            "versions": installed_versions(),
            "config": self._config,
            "cells": self.cells,
        }
        write_text(self.path, to_text(record))


def _kind(key: str) -> str:
    return key.partition(" | ")[0]


def to_text(record: dict[str, Any]) -> str:
    """As JSON, with a line for each cell and six figures of each number: small, and a change of a
    cell is a change of its line."""
    head = {key: value for key, value in record.items() if key != "cells"}
    lines = [f"  {to_json(key)}: {to_json(_rounded(cell))}" for key, cell in
             record["cells"].items()]  # fmt: skip
    cells = "{\n" + ",\n".join(lines) + "\n }" if lines else "{}"
    return f'{to_json(head, indent=1)[:-2]},\n "cells": {cells}\n}}\n'


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _end_with_parent() -> None:
    """Have this worker end when the benchmark is killed, rather than work on for nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
