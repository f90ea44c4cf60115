"""Progress bars with the time left: drawn on a terminal, elsewhere one line every ten seconds."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")
console = Console(stderr=False, highlight=False, soft_wrap=True)
SECONDS_BETWEEN_LINES = 10.0


class Bar:
    """The progress of a stage: call `advance()` after each piece; `note` shows a current figure."""

    def __init__(self, description: str, total: int, done: int = 0, after_s: float = 0.0) -> None:
        self.description, self.total, self.done, self.note = description, total, done, ""
        self._after_s = after_s
        self._done_before = done
        self._start = self._printed = time.monotonic()
        self._drawn: tuple[Progress, TaskID] | None = None

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        self.done += steps
        if note is not None:
            self.note = note
        if self._drawn:
            progress, task = self._drawn
            progress.update(task, completed=self.done, note=self.note)
            if not progress.live.is_started and time.monotonic() - self._start >= self._after_s:
                progress.start()
        elif time.monotonic() - self._printed >= SECONDS_BETWEEN_LINES:
            self._print_line()

    def _print_line(self) -> None:
        self._printed = time.monotonic()
        elapsed = self._printed - self._start
        left = elapsed / max(self.done - self._done_before, 1) * (self.total - self.done)
        text = f"{self.description}: {self.done}/{self.total}, {elapsed:.0f} s, {left:.0f} s left"
        console.print(text + (f", {self.note}" if self.note else ""), markup=False)


@contextmanager
def progress_bar(
    description: str, total: int, done: int = 0, after_s: float = 0.0
) -> Iterator[Bar]:
    """A bar over `total` pieces of work, removed from the terminal when it is done.

    Args:
        done: Pieces done before an interruption. The time left is estimated without them.
        after_s: Work that takes less time than this shows no bar.
    """
    bar = Bar(description, total, done, after_s)
    if not (console.is_terminal and sys.stdout.isatty()):
        yield bar
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task(description, total=total, completed=done, note="")
    bar._drawn = (progress, task)
    try:
        if not after_s:
            progress.start()
        yield bar
    finally:
        progress.stop()


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Yield `items` under a progress bar."""
    with progress_bar(description, total) as bar:
        for item in items:
            yield item
            bar.advance()
