"""`kept`: a value from the run folder or the cache, computed only if neither has it.

`Work` says how a value is computed, what it depends on, and how it is stored. `kept` looks for the
value in the run folder, then in the cache, which other runs and the trials of a sweep share. If
neither has it, `kept` computes it. All reuse of finished work goes through this function.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from rlsel.errors import InputError
from rlsel.machine.atomic_files import replacing, write_text
from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.cache.shared_work import link, sole_worker
from rlsel.machine.cache.trim import limit_bytes, mark_used, remove, temporary_beside, trim
from rlsel.machine.cache.uncached import say_uncached
from rlsel.machine.json_files import from_json, to_json
from rlsel.machine.progress import console

NOTES = "kept.json"
"""File in a run folder: name of a work -> hash of the inputs of its value."""
Arrays = Mapping[str, np.ndarray]
T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How a value is stored on disk: as files in a folder."""

    kind: str
    """Folder of the cache for values of this form."""
    files: tuple[str, ...]
    write: Callable[[T, Path], None]
    """Writes all of `files` into a folder, each completely or not at all."""
    read: Callable[[Path], T]
    """Reads the files; any error means that they cannot be read."""


def _write_arrays(arrays: Arrays, folder: Path) -> None:
    with replacing(folder / "arrays.npz") as temporary:
        np.savez(temporary, **arrays)  # pyright: ignore[reportArgumentType]


def _read_arrays(folder: Path) -> Arrays:
    # Opened here, because NumPy would leave a file open that it cannot read.
    with (folder / "arrays.npz").open("rb") as file, np.load(file) as stored:
        return {name: stored[name] for name in stored.files}


def _write_figures(figures: Any, folder: Path) -> None:
    write_text(folder / "figures.json", to_json(figures))


def _read_figures(folder: Path) -> Any:
    return from_json((folder / "figures.json").read_text(encoding="utf-8"))


ARRAYS: Form[Arrays] = Form("computed", ("arrays.npz",), _write_arrays, _read_arrays)
FIGURES: Form[Any] = Form("computed", ("figures.json",), _write_figures, _read_figures)
"""Numbers and text in lists and dicts; an unknown number is read as NaN."""


@dataclass(frozen=True)
class Work(Generic[T]):
    """An expensive value with its computation and its inputs."""

    what: str
    """Name of the value, in messages and in the key."""
    inputs: tuple[object, ...]
    """Everything on which the value depends: arrays by their content, anything else by its `repr`.
    Include a version of the computation."""
    make: Callable[[], T]
    form: Form[T]
    made_on: tuple[object, ...] = ()
    """Everything that affects only the last digits, such as the device. It must be equal for a
    value from the cache. A value in the run folder is used in any case, so that a run may move to
    another machine."""
    is_shared: bool = True
    """False keeps the value out of the cache, because it is large and quickly computed."""

    @property
    def digest(self) -> str:
        return content_of(self.what, *self.inputs)


def kept(work: Work[T], folder: Path | None = None) -> T:
    """The value of `work`, from disk if it was computed before.

    A value that cannot be read is computed again. A cache that cannot be written to is not used.

    Args:
        folder: The run folder, which is then complete without the cache. None keeps the value only
            in the cache.

    Raises:
        InputError: RLSEL_CACHE_GIB is no number, or `folder` is full or cannot be written to.
    """
    if folder is not None and _notes(folder).get(work.what) == work.digest:
        found = _read(work, folder)
        if found is not None:
            return found
    if not work.is_shared:
        return _make_in(work, folder)
    name = content_of(work.digest, *work.made_on) if work.made_on else work.digest
    entry, limit = cache_folder() / work.form.kind / name, limit_bytes()
    with sole_worker(entry, work.what) as is_cached:
        found = _fetch(work, entry, folder) if is_cached else None
        if found is not None:
            return found
        made = _make_in(work, folder)
        if is_cached:
            try:
                _share(work, made, entry, folder)
                trim(entry.parent, entry, limit)
            except (OSError, InputError) as error:  # such as a full disk; the next run tries again
                say_uncached(error)
    return made


def content_of(*values: object) -> str:
    """Hash of arrays, by type, shape and content, and of anything else by its `repr`."""
    state = hashlib.blake2b(digest_size=16)
    for value in values:
        if isinstance(value, np.ndarray):
            state.update(f"{value.dtype.str}{value.shape}\0".encode())
            state.update(np.ascontiguousarray(value).data.cast("B") if value.size else b"")
        else:
            state.update(f"{value!r}\0".encode())
    return state.hexdigest()


def _make_in(work: Work[T], folder: Path | None) -> T:
    made = work.make()
    if folder is not None:
        work.form.write(made, folder)
        _note(work, folder)
    return made


def _fetch(work: Work[T], entry: Path, folder: Path | None) -> T | None:
    """The value that another run left in the cache, linked into `folder`; None if incomplete."""
    if not entry.exists():
        return None
    if folder is None:
        found = _read(work, entry)
        if found is None:
            remove(entry)
        else:
            mark_used(entry)
        return found
    try:
        for name in work.form.files:
            link(entry / name, folder / name)
    except OSError:  # a file is missing, or another process has just trimmed the entry
        return None
    found = _read(work, folder)
    if found is not None:
        _note(work, folder)
        console.print(f"{work.what}: made before, taken from {entry}", markup=False)
        mark_used(entry)
    return found


def _share(work: Work[T], made: T, entry: Path, folder: Path | None) -> None:
    if folder is not None:
        for name in work.form.files:
            link(folder / name, entry / name)
        return
    temporary = temporary_beside(entry)
    try:
        temporary.mkdir()
        work.form.write(made, temporary)
        temporary.rename(entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read(work: Work[T], folder: Path) -> T | None:
    if not all((folder / name).exists() for name in work.form.files):
        return None
    try:
        return work.form.read(folder)
    except Exception as error:  # NumPy and PyTorch raise many kinds of errors on damaged files
        files = ", ".join(work.form.files)
        said = " ".join(f"{error}".split())[:200]
        console.print(
            f"{folder}: {files} cannot be read, so the {work.what} is made again ({said})",
            markup=False,
        )
        return None


def _notes(folder: Path) -> dict[str, str]:
    try:
        notes = from_json((folder / NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _note(work: Work[T], folder: Path) -> None:
    write_text(folder / NOTES, to_json(_notes(folder) | {work.what: work.digest}))
