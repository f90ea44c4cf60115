"""Export a selection as image files, to train on them elsewhere."""

import errno
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from rlsel.data.image_set import ImageSet
from rlsel.data.samples import SampleSet
from rlsel.data.sources.part import Payload
from rlsel.data.sources.paths import SELECTED
from rlsel.errors import InputError
from rlsel.machine.atomic_files import filling, require_empty, writing
from rlsel.machine.file_names import DistinctNames, distinct_names, folder_name, plain_name
from rlsel.machine.progress import track
from rlsel.pool import write_pool
from rlsel.pool.originals import originals
from rlsel.runs.config_file import read_experiment
from rlsel.runs.reopen import reopen_pool
from rlsel.runs.selection_table import FILE_NAME, read_selection

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "TIFF": ".tif", "BMP": ".bmp", "WEBP": ".webp"}
"""Format -> suffix, for images that a user's Parquet file holds."""
IMAGE_SUFFIXES = {*SUFFIXES.values(), ".jpeg", ".tiff"}
CLASS_FOLDERS = "class_folders"
"""Key in the metadata of the Parquet file: class -> folder, as JSON."""


@dataclass(frozen=True)
class Exported:
    """Counts and folders of an export."""

    num_samples: int
    num_originals: int
    """How many of the samples are the user's own files."""
    noun: str
    """The word for one sample: image, embedding."""
    shape: str
    """Shape of the samples that are not the user's own files, such as 96 x 96 px."""
    folders: dict[str, str]
    """Class -> its folder."""
    empty: tuple[str, ...]
    """Classes of which nothing was kept; they have a folder nevertheless."""

    def told(self, asked_for_originals: bool) -> Iterator[str]:
        """Lines for the user on the export."""
        num_copies = self.num_samples - self.num_originals
        copies = f"as they were trained on, {self.shape}"
        if not self.folders:
            yield f"embeddings of {self.shape} are in {SELECTED}, as Parquet"
            if self.empty:
                yield f"nothing was kept of {', '.join(map(repr, self.empty))}"
            return
        if not asked_for_originals:
            yield f"images are {copies}; --originals takes your own files, where there are any"
        elif num_copies:
            yield f"{self.num_originals:,} are your own files; {num_copies:,} have none: {copies}"
        else:
            yield "all are your own files"
        for name, folder in self.folders.items():
            if folder != name:
                yield f"class {name!r} is in the folder {folder!r}, which any file system takes"
        if self.empty:
            yield (
                f"nothing was kept of {', '.join(map(repr, self.empty))}; its folder is there, so "
                "that classes keep their numbers: call ImageFolder with allow_empty=True"
            )


def export_selection(run_dir: Path, to: Path, use_originals: bool = False) -> Exported:
    """Write the selected candidates into one folder per class, with `selection.parquet`.

    Folders have the names of the classes, unless the file system refuses a name or treats two as
    equal. The table gives the `folder` of the class of every candidate, and for selected candidates
    the `file` below `to` and whether it `is_original`.

    Args:
        use_originals: Copy the user's own files if the candidates came from files. Other
            candidates, or all if this is false, are written as they were trained on, as PNG.

    Raises:
        InputError: there is no such run, its inputs have changed since, or `to` is not empty or
            cannot be written to. A failed export leaves no files.
    """
    table = read_selection(run_dir)
    require_empty(to)
    pool = reopen_pool(run_dir)
    candidates = pool.candidates
    kept = np.flatnonzero(np.array(table.column("kept").to_pylist(), dtype=bool))
    if not isinstance(candidates, ImageSet):
        if use_originals:
            raise InputError(
                f"{run_dir}: --originals is for images only, and it selects {candidates.noun}s"
            )
        with filling(to) as folder:
            write_pool(pool.take(kept), folder / SELECTED)
            with writing(folder / FILE_NAME):
                pq.write_table(table, folder / FILE_NAME)
        empty = _without_any(candidates, kept)
        return Exported(len(kept), 0, candidates.noun, candidates.shape_text, {}, empty)
    with filling(to) as folder:
        writer = _Writer(folder, candidates)
        if use_originals:
            index_of = {str(candidates.ids[index]): index for index in kept.tolist()}
            config = read_experiment(run_dir).pool
            for id_, payload in originals(config, candidates.ids[kept]):
                writer.write(index_of[id_], *_as_file(payload))
        are_originals = {*writer.file_of}
        rest = [index for index in kept.tolist() if index not in writer.file_of]
        for index in track(rest, "writing images", len(rest)):
            writer.write(index, _as_png(candidates.images[index]), ".png")
        with writing(folder / FILE_NAME):
            pq.write_table(_with_files(table, writer, are_originals), folder / FILE_NAME)
    folders = writer.folder_of
    files = {name: [*(to / name_on_disk).iterdir()] for name, name_on_disk in folders.items()}
    return Exported(
        num_samples=sum(map(len, files.values())),
        num_originals=len(are_originals),
        noun=candidates.noun,
        shape=candidates.shape_text,
        folders=folders,
        empty=tuple(name for name, inside in files.items() if not inside),
    )


def _without_any(candidates: SampleSet, kept: np.ndarray) -> tuple[str, ...]:
    counts = candidates.take(kept).counts
    return tuple(name for name, count in counts.items() if not count)


class _Writer:
    """Writes images into the folders of their classes and records the names of their files."""

    def __init__(self, folder: Path, candidates: ImageSet) -> None:
        self._folder, self._candidates = folder, candidates
        self.folders = _make_folders(folder, candidates.class_names)
        self._names = [DistinctNames() for _ in self.folders]
        self.file_of: dict[int, str] = {}
        """Index of a candidate -> path below the folder."""

    @property
    def folder_of(self) -> dict[str, str]:
        """Class -> folder."""
        return dict(zip(self._candidates.class_names, self.folders, strict=True))

    def write(self, index: int, content: bytes, suffix: str) -> None:
        c = int(self._candidates.labels[index])
        text = _without_suffix(str(self._candidates.ids[index]), self._candidates.class_names[c])
        name = self._names[c].take(plain_name(text, suffix))
        path = self._folder / self.folders[c] / name
        with writing(path):
            path.write_bytes(content)
        self.file_of[index] = f"{self.folders[c]}/{name}"


def _make_folders(folder: Path, class_names: tuple[str, ...]) -> list[str]:
    """Make the folders of the classes, with the exact class names if the file system allows it."""
    # The table is written beside the folders, so no folder may have its name.
    _, *names = distinct_names((FILE_NAME, *map(folder_name, class_names)))
    try:
        for name in names:
            (folder / name).mkdir()
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG):
            raise
        shutil.rmtree(folder)
        _, *names = distinct_names((FILE_NAME, *map(plain_name, class_names)))
        for name in names:
            (folder / name).mkdir(parents=True)
    return names


def _without_suffix(id_: str, class_name: str) -> str:
    """An id without the class name and the suffix, which folder and file show anyway."""
    path = PurePosixPath(id_)
    known = path.suffix.lower() in IMAGE_SUFFIXES
    parts = (path.with_suffix("") if known else path).parts
    return "_".join(part for part in parts if part != class_name) or id_


def _as_file(payload: Payload) -> tuple[bytes, str]:
    """A user's image, with its original bytes if it is encoded, and the suffix for its file."""
    data = payload.data
    try:
        if isinstance(data, str):
            return Path(data).read_bytes(), Path(data).suffix
        if isinstance(data, bytes):
            with Image.open(BytesIO(data)) as image:
                kind = image.format or ""
            return data, SUFFIXES.get(kind, f".{kind.lower()}")
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{payload.where}: cannot be read any more ({error})") from error
    if data is None:
        raise InputError(f"{payload.where}: has no image any more")
    return _as_png(data[..., 0] if data.shape[-1] == 1 and data.ndim == 3 else data), ".png"


def _as_png(pixels: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(np.asarray(pixels)).save(stream, format="PNG")
    return stream.getvalue()


def _with_files(table: pa.Table, writer: _Writer, are_originals: set[int]) -> pa.Table:
    """The selection with the places of its files; `file` and `is_original` are empty for discarded
    candidates."""
    folder_of = writer.folder_of
    rows = range(len(table))
    known = {
        "folder": pa.array([folder_of[name] for name in table.column("class").to_pylist()]),
        "file": pa.array([writer.file_of.get(row) for row in rows], pa.string()),
        "is_original": pa.array(
            [row in are_originals if row in writer.file_of else None for row in rows], pa.bool_()
        ),
    }
    for name, column in known.items():
        table = table.append_column(name, column)
    metadata = {**(table.schema.metadata or {}), CLASS_FOLDERS: json.dumps(folder_of)}
    return table.replace_schema_metadata(metadata)
