"""Recognise the kind of data set at a path and return the source that reads it."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from rlsel.data.sources import (
    EmbeddingsSource,
    FileSource,
    FolderSource,
    NpzSource,
    ParquetSource,
    PcamHdf5Source,
)
from rlsel.data.sources.columns import image_column, label_column
from rlsel.data.sources.embeddings_npz import holds_embeddings
from rlsel.data.sources.folder import SUFFIXES as IMAGE_SUFFIXES
from rlsel.data.sources.npz import array_names
from rlsel.data.sources.parquet import SUFFIXES as PARQUET_SUFFIXES
from rlsel.data.sources.parquet import open_parquet
from rlsel.data.sources.paths import existing, expand, matching_files, shown
from rlsel.data.sources.stylegan import has_labels
from rlsel.data.sources.vector_column import is_vector, only_vectors
from rlsel.data.sources.walk import find_files, is_hidden, subfolders
from rlsel.errors import InputError
from rlsel.machine.wording import counted

KNOWN = (
    "rlsel reads a folder with a folder of images for each class (or train, val and test with "
    "those in them), Parquet and NPZ (also of embeddings), StyleGAN's dataset.json and PCam's HDF5"
)
PCAM = "camelyonpatch_level_2_split_*_x.h5*"
TABLES = (".csv", ".tsv", ".xlsx", ".json", ".jsonl", ".txt")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z")

AnySource = FileSource | EmbeddingsSource


def recognise(text: str, label: str | None = None) -> AnySource:
    """The source for the data at a path. The data are not read, so they may still hold errors.

    Args:
        text: A folder, file or glob as the user wrote it; the source keeps this text.
        label: The column of the classes, for Parquet; None finds it by name and content.

    Raises:
        InputError: nothing is there, or it is of no kind that rlsel reads.
    """
    pattern = str(expand(text))
    if glob.has_magic(pattern) and not os.path.exists(pattern):
        files = matching_files(text, PARQUET_SUFFIXES)
        if other := next((file for file in files if file.suffix.lower() != ".parquet"), None):
            raise InputError(
                f"{text}: a glob names Parquet files alone, and {shown(other)} is none; of images "
                "give the folder of the class folders, of NPZ one file"
            )
        return _parquet(text, files, label)
    path = existing(text)
    return _folder(text, path, label) if path.is_dir() else _file(text, path, label)


def has_columns(source: AnySource) -> bool:
    """Whether a source lies in Parquet, where a column names the classes."""
    in_npz = isinstance(source, EmbeddingsSource) and source.is_npz
    return isinstance(source, ParquetSource | EmbeddingsSource) and not in_npz


def require_columns(label: str | None, *sources: AnySource) -> None:
    """Refuse a column of the classes where nothing has columns.

    Raises:
        InputError: none of the sources lies in Parquet.
    """
    if label is not None and not any(map(has_columns, sources)):
        raise InputError(
            f"--label-column {label} names a column of Parquet, and none is given; leave it out"
        )


def _file(text: str, path: Path, label: str | None) -> AnySource:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _npz(text, path)
    if suffix == ".parquet":
        return _parquet(text, (path,), label)
    if path.match(PCAM):
        return PcamHdf5Source(path=os.path.dirname(text) or ".")
    if suffix in ARCHIVES:
        raise InputError(f"{path}: is packed; unpack it and give the folder")
    if suffix in IMAGE_SUFFIXES:
        raise InputError(f"{path}: is a single image; give the folder of the class folders")
    raise InputError(f"{path}: is of no known kind; {KNOWN}")


def _folder(text: str, path: Path, label: str | None) -> AnySource:
    if has_labels(path):
        return FolderSource(path=text)
    for inside in ("", "pcam"):
        if any((path / inside).glob(PCAM)):
            return PcamHdf5Source(path=os.path.join(text, inside) if inside else text)
    if any(image_column(f) or _has_vectors(f) for f in _files_in(path, PARQUET_SUFFIXES)):
        return _parquet(text, matching_files(text, PARQUET_SUFFIXES), label)
    if any(_has_images(folder) for folder in subfolders(path)):
        return FolderSource(path=text)
    if below := find_files(path, PARQUET_SUFFIXES).files:
        return _parquet(text, tuple(map(Path, below)), label)
    arrays = _files_in(path, (".npz",))
    if len(arrays) == 1:
        return _npz(os.path.join(text, arrays[0].name), arrays[0])
    if arrays:
        names = ", ".join(shown(file.name) for file in arrays)
        raise InputError(f"{path}: holds several NPZ files; give one of them: {names}")
    raise InputError(_nothing_known(path))


def _npz(text: str, path: Path) -> AnySource:
    if holds_embeddings(array_names(path)):
        return EmbeddingsSource(path=text)
    return NpzSource(path=text)


def _has_vectors(file: Path) -> bool:
    return any(is_vector(field.type) for field in open_parquet(file).schema_arrow)


def _parquet(text: str, files: Sequence[Path], label: str | None) -> AnySource:
    column_of = {file: image_column(file) for file in files}
    with_images = [file for file, column in column_of.items() if column]
    if not with_images and all(map(_has_vectors, files)):
        first = files[0]
        return EmbeddingsSource(
            path=text, vector_column=only_vectors(first), label_column=label_column(first, label)
        )
    if not with_images:
        columns = ", ".join(open_parquet(files[0]).schema_arrow.names)
        raise InputError(
            f"{files[0]}: no column holds encoded images (bytes, as PNG or JPEG); the columns are "
            f"{columns}"
        )
    if len(with_images) < len(files) and len(with_images) > 1:
        without = next(file for file in files if file not in with_images)
        raise InputError(
            f"{without}: holds no images, unlike other Parquet files beside it; name those with "
            f"images by a glob, such as '{text}/train-*.parquet'"
        )
    first = with_images[0]
    return ParquetSource(
        path=str(first) if len(with_images) < len(files) else text,
        image_column=column_of[first] or "",
        label_column=label_column(first, label),
    )


def _files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files directly in the folder."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not is_hidden(path.name) and path.is_file()
    )


def _has_images(folder: Path) -> bool:
    names = (name for _, _, inside in os.walk(folder) for name in inside)
    first = any(name.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(name) for name in names)
    return first or bool(find_files(folder, IMAGE_SUFFIXES).files)  # find_files follows links


def _nothing_known(folder: Path) -> str:
    loose, tables = (_files_in(folder, suffixes) for suffixes in (IMAGE_SUFFIXES, TABLES))
    if loose:
        beside = f" (what {tables[0].name} says is not read)" if tables else ""
        return (
            f"{folder}: holds {counted(len(loose), 'image')} and no class folders{beside}; every "
            "image needs one class: move those of each class into a folder called after it"
        )
    if packed := _files_in(folder, ARCHIVES):
        return f"{packed[0]}: is packed; unpack it first"
    if any(folder.glob("*.arrow")):
        return f"{folder}: holds Arrow files; save the data set as Parquet (Dataset.to_parquet)"
    return f"{folder}: holds nothing that is known; {KNOWN}"
