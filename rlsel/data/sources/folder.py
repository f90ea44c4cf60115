"""A folder for each class, with PNG, JPEG or TIFF files in it, at any depth."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from rlsel.data.sources.part import WHOLE, Listing, Part, Payload
from rlsel.data.sources.paths import existing_folder, given_splits, require_path_or_splits
from rlsel.data.wording import counted
from rlsel.errors import InputError
from rlsel.schema import config

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
SPLIT_FOLDERS = dict.fromkeys(("val", "valid", "validation"), "val") | {
    "train": "train",
    "test": "test",
}
PATIENT_PATTERNS = {"folder": r"^([^/]+)/", "prefix": r"^(?:.*/)?([^/_]+)_"}


@config
class FolderSource:
    """Images in a folder for each class; the name of the folder is the name of the class."""

    name: Literal["folder"] = "folder"
    path: str | None = None
    """The folder that holds the class folders, split by ratio; or one that holds the folders train
    and test (and val), each with class folders in it."""
    train: str | None = None
    """The folder with the training images, where the splits are given one by one."""
    val: str | None = None
    """The same for validation. Left out, it is cut from train."""
    test: str | None = None
    """The same for test."""
    patient_from: str = "none"
    """Where a file name says whose image it is: "none"; "folder" (normal/P07/a.png is of P07);
    "prefix" (normal/P07_a.png is of P07); or a regular expression with one group, searched in the
    path below the class folder. A split never divides a patient."""

    def __post_init__(self) -> None:
        require_path_or_splits(self.path, self.train, self.val, self.test)
        patient_pattern(self.patient_from)


def patient_pattern(patient_from: str) -> re.Pattern | None:
    """The expression whose one group is the patient; None where patients are unknown."""
    if patient_from == "none":
        return None
    choices = "known are none, folder, prefix, or a regular expression with one (group)"
    try:
        pattern = re.compile(PATIENT_PATTERNS.get(patient_from, patient_from))
    except re.error as error:
        raise ValueError(f"{patient_from!r} is not valid ({error}); {choices}") from None
    if pattern.groups != 1:
        raise ValueError(f"{patient_from!r} says no patient; {choices}")
    return pattern


def folder_parts(source: FolderSource) -> dict[str, Part]:
    """The splits of a folder source, or the whole of it.

    Raises:
        InputError: a folder is missing, holds fewer than two classes, or a class is empty.
    """
    if source.path is None:
        named = given_splits(source.train, source.val, source.test)
        roots = {split: existing_folder(text) for split, text in named.items()}
    else:
        roots = _split_folders(existing_folder(source.path))
    return {split: _part(root, source.patient_from) for split, root in roots.items()}


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders train, val and test in `root`, if that is what it holds."""
    found = {SPLIT_FOLDERS[f.name]: f for f in _subfolders(root) if f.name in SPLIT_FOLDERS}
    return found if {"train", "test"} <= found.keys() else {WHOLE: root}


def _subfolders(root: Path) -> list[Path]:
    return sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))


def _part(root: Path, patient_from: str) -> Part:
    folders = _subfolders(root)
    if len(folders) < 2:
        names = ", ".join(folder.name for folder in folders) or "none"
        raise InputError(f"{root}: at least two class folders are needed; there is {names}")
    files, others = [], 0
    for folder in folders:
        inside = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.name[0] != "."]
        images = [file for file in inside if file.suffix.lower() in SUFFIXES]
        if not images:
            raise InputError(f"{folder}: no {', '.join(SUFFIXES)} file is in this class folder")
        files += images
        others += len(inside) - len(images)
    notes = (f"ignored {counted(others, 'file')} other than PNG, JPEG and TIFF",) if others else ()
    return Part(
        files=tuple(files),
        settings=repr(("folder", patient_from, others)),
        read=partial(_read, root, tuple(files), patient_from, notes),
    )


def _read(
    root: Path, files: tuple[Path, ...], patient_from: str, notes: tuple[str, ...]
) -> Listing:
    names = [file.relative_to(root).as_posix() for file in files]
    class_of = [name.split("/", 1)[0] for name in names]
    class_names, labels = np.unique(class_of, return_inverse=True)
    return Listing(
        names=tuple(names),
        labels=labels.astype(np.int64),
        class_names=tuple(class_names.tolist()),
        payloads=partial(_payloads, files),
        patients=_patients(root, names, patient_from),
        notes=notes,
    )


def _patients(root: Path, names: list[str], patient_from: str) -> np.ndarray | None:
    if (pattern := patient_pattern(patient_from)) is None:
        return None
    found = [pattern.search(name.split("/", 1)[1]) for name in names]
    if unknown := [name for name, match in zip(names, found, strict=True) if not match]:
        raise InputError(
            f"{root / unknown[0]}: patient_from is {patient_from!r}, which finds no patient in "
            f"this name (nor in {counted(len(unknown) - 1, 'other')})"
        )
    return np.array([match.group(1) for match in found if match])


def _payloads(files: tuple[Path, ...]) -> Iterator[Payload]:
    return (Payload(str(file), file) for file in files)
