"""Where a stage computes what a GPU should: in this process, or wherever the GPUs are.

A stage hands over a function that takes arrays and settings and returns arrays. `Here` calls it in
this process. `rewards/elsewhere.py` has evaluators call it, which hold the GPUs of a cluster.
"""

import platform
import queue
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, cast, runtime_checkable

from rlsel.errors import InputError
from rlsel.machine.atomic_files import write_bytes
from rlsel.machine.device import best_device, computed_by
from rlsel.machine.progress import console

T = TypeVar("T")
C = TypeVar("C")
OnSave = Callable[[], object]
Files = Mapping[str, bytes]
"""Path below a folder -> content."""
Event = tuple[str, Any]
"""`said` and a line, `files` and `Files`, or `result` and the value that was returned."""


@runtime_checkable
class Workplace(Protocol):
    """Carries out functions that compute on the best device there is."""

    def computed_by(self) -> tuple[str, ...]:
        """The device and versions that the last digits of a result depend on."""
        ...

    def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, which may be computed in another process."""
        ...

    def run_by(self, work: Callable[[C], T], settings: C, files: Iterable[str]) -> T:
        """The result of `work(settings)`, which reads files that the settings name.

        Args:
            files: Settings that may hold the path of a file.
        """
        ...

    def run_in(
        self,
        folder: Path,
        patterns: Sequence[str],
        work: Callable[[Path, OnSave], T],
        on_save: OnSave,
    ) -> T:
        """The result of a long `work` that leaves checkpoints in a folder and goes on from them.

        Args:
            patterns: Globs of the files in the folder that it goes on from.
            work: Is called with a folder that holds these files, and with a function that it calls
                after each checkpoint.
            on_save: Called here once a checkpoint is in `folder`.
        """
        ...

    def places(self) -> list[str]:
        """Machines and devices of what was carried out since the last call."""
        ...


class Here:
    """This process."""

    def __init__(self) -> None:
        self._has_run = False

    def computed_by(self) -> tuple[str, ...]:
        return computed_by()

    def run(self, work: Callable[[], T]) -> T:
        self._has_run = True
        return work()

    def run_by(self, work: Callable[[C], T], settings: C, files: Iterable[str]) -> T:
        self._has_run = True
        return work(settings)

    def run_in(
        self,
        folder: Path,
        patterns: Sequence[str],
        work: Callable[[Path, OnSave], T],
        on_save: OnSave,
    ) -> T:
        self._has_run = True
        return work(folder, on_save)

    def places(self) -> list[str]:
        has_run, self._has_run = self._has_run, False
        return [this_place()] if has_run else []


def this_place() -> str:
    """The machine and device of this process, such as `gpu-node-3, cuda`."""
    return f"{platform.node()}, {best_device().type}"


def events_of(work: Callable[[], Any]) -> Iterator[Event]:
    """Call `work` in a thread: the lines that it prints, then its result.

    Raises:
        Exception: what `work` has raised.
    """
    events: queue.Queue[Event] = queue.Queue()
    yield from _events(events, partial(_with_result, events, work))


def events_of_training(
    work: Callable[[Path, OnSave], Any], files: Files, called: str
) -> Iterator[Event]:
    """The same for `Workplace.run_in`: also the files that each checkpoint has changed.

    Args:
        files: What the folder holds at first.
        called: The folder's name in messages.
    """
    events: queue.Queue[Event] = queue.Queue()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_files(files, folder)
        changes = Changes(folder)

        def on_save() -> None:
            events.put(("files", changes.take()))

        def train() -> None:
            try:
                result = work(folder, on_save)
            except InputError as error:
                raise InputError(str(error).replace(temporary, called)) from error
            on_save()
            events.put(("result", result))

        yield from _events(events, train)


class Changes:
    """The files of a folder that are new or other than they were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = self._stamps()

    def take(self) -> dict[str, bytes]:
        """Those that have changed since the last call, or since the beginning."""
        stamps = self._stamps()
        changed = [name for name, stamp in stamps.items() if self._known.get(name) != stamp]
        self._known = stamps
        return {name: (self._folder / name).read_bytes() for name in changed}

    def _stamps(self) -> dict[str, tuple[int, int]]:
        paths = [path for path in self._folder.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self._folder)): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in paths
        }


def read_files(folder: Path, patterns: Sequence[str]) -> dict[str, bytes]:
    """The files of a folder that match one of the globs."""
    paths = [path for pattern in patterns for path in folder.glob(pattern) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def carrying_files(work: Callable[[C], T], settings: C, names: Iterable[str]) -> Callable[[], T]:
    """`work(settings)` for a machine that may lack the files which settings name.

    Args:
        names: Settings that may hold a path. One that is missing or no file is left as it is.
    """
    named = {name: getattr(settings, name, None) for name in names}
    paths = {name: Path(value) for name, value in named.items() if value is not None}
    files = {name: (path.name, path.read_bytes()) for name, path in paths.items() if path.is_file()}
    return partial(_with_files, work, settings, files)


def write_files(files: Files, folder: Path) -> None:
    """Write each file completely or not at all."""
    for name, content in files.items():
        write_bytes(folder / name, content)


def _with_files(
    work: Callable[[Any], T], settings: Any, files: Mapping[str, tuple[str, bytes]]
) -> T:
    with tempfile.TemporaryDirectory() as folder:
        there: dict[str, Any] = {}
        for setting, (name, content) in files.items():
            path = Path(folder) / setting / name
            write_bytes(path, content)
            there[setting] = type(getattr(settings, setting))(path)  # a text or a Path
        return work(replace(settings, **there))


def _with_result(events: "queue.Queue[Event]", work: Callable[[], Any]) -> None:
    events.put(("result", work()))


def _events(events: "queue.Queue[Event]", work: Callable[[], None]) -> Iterator[Event]:
    def run() -> None:
        printed, console.file = console.file, cast(IO[str], _Lines(events))
        try:
            work()
        except BaseException as error:
            events.put(("error", error))
        finally:
            console.file = printed

    threading.Thread(target=run, daemon=True).start()
    while True:
        kind, value = events.get()
        if kind == "error":
            raise value
        yield kind, value
        if kind == "result":
            return


class _Lines:
    """A text stream that turns what is printed into events, line by line."""

    def __init__(self, events: "queue.Queue[Event]") -> None:
        self._events, self._begun = events, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._events.put(("said", line))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back but the line that has begun."""

    def isatty(self) -> bool:
        return False
