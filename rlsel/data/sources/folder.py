"""A folder for each class, with PNG, JPEG or TIFF files in it, at any depth."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from rlsel.data.sources.part import WHOLE, Listing, Part, listed_files
from rlsel.data.sources.paths import existing_folder, given_splits, require_path_or_splits, shown
from rlsel.data.sources.split_names import require_splits, split_called
from rlsel.data.sources.stylegan import has_labels, labelled_part, looks_unlabelled
from rlsel.data.sources.walk import Found, find_files, is_hidden, subfolders, wanted_below
from rlsel.errors import InputError
from rlsel.machine.wording import counted, first_few
from rlsel.schema import PathText, config

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
KIND = "PNG, JPEG and TIFF"
REMEDY = (
    "name the splits one by one (data.source.train, val, test), or let path be the folder that "
    "holds the class folders; a class that is called so needs another name"
)
IMAGES, MASKS = {"images", "image", "imgs", "img"}, {"masks", "mask", "labels", "annotations"}
"""Names of folders that hold pixels or annotations of them; neither is a class."""
PATIENT_PATTERNS = {"folder": r"^([^/]+)/", "prefix": r"^(?:.*/)?([^/_]+)_"}


@config
class FolderSource:
    """Images in a folder for each class; the name of the folder is the name of the class."""

    name: Literal["folder"] = "folder"
    path: PathText | None = None
    """The folder that holds the class folders, split by ratio; or one that holds folders called
    train and test, val or both, each with class folders in it. If the folder holds a dataset.json
    of StyleGAN, its labels are the classes, called "0", "1", ... or by a list class_names beside
    the labels."""
    train: PathText | None = None
    """The folder with the training images, if the splits are given one by one."""
    val: PathText | None = None
    """The same for validation. If left out, validation is cut from train."""
    test: PathText | None = None
    """The same for test. If left out while val is given, test is cut from train."""
    patient_from: str = "none"
    """How to read the patient from a file's path: "none"; "folder" (normal/P07/a.png is of P07);
    "prefix" (normal/P07_a.png is of P07); or a regular expression with one group, searched in the
    path below the class folder. A split never divides a patient."""

    def __post_init__(self) -> None:
        require_path_or_splits(self.path, self.train, self.val, self.test)
        patient_pattern(self.patient_from)


def patient_pattern(patient_from: str) -> re.Pattern | None:
    """The expression whose one group is the patient; None for "none"."""
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
    """The splits of a folder source, or all of it as one part.

    Raises:
        InputError: a folder is missing or holds no image in a class folder; or it holds both
            splits and classes.
    """
    notes: tuple[str, ...] = ()
    if source.path is None:
        named = given_splits(source.train, source.val, source.test)
        roots = {split: existing_folder(text) for split, text in named.items()}
    else:
        roots, notes = _split_folders(existing_folder(source.path))
    parts = {
        split: _part(root, source.patient_from, is_whole=split == WHOLE)
        for split, root in roots.items()
    }
    first = WHOLE if WHOLE in parts else "train"
    return parts | {first: replace(parts[first], notes=(*notes, *parts[first].notes))}


def _split_folders(root: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The folders of the splits in `root`, or `root` as `WHOLE`; and notes on what is not read.

    Raises:
        InputError: some folders are named after splits, but the set of splits is not complete.
    """
    folders = subfolders(root)
    split_of = {folder: split for folder in folders if (split := split_called(folder.name))}
    if not split_of or has_labels(root):
        return {WHOLE: root}, ()
    names = _listed(split_of)
    require_splits(list(split_of.values()), str(root), names, REMEDY)
    if len(set(split_of.values())) < len(split_of):
        raise InputError(f"{root}: {names} are splits, and two of them the same; {REMEDY}")
    unread = _listed(folder for folder in folders if folder not in split_of)
    notes = (f"did not read {unread}, beside the splits {names}",) if unread else ()
    return {split: folder for folder, split in split_of.items()}, (*notes, *_beside(root))


def _refuse_splits_inside(inside_of: dict[Path, list[Path]]) -> None:
    for folder, all_inside in inside_of.items():
        inside = [path for path in all_inside if split_called(path.name)]
        if len({split_called(path.name) for path in inside}) > 1:
            raise InputError(
                f"{folder}: holds the splits {_listed(inside)}; they belong outside of the "
                f"classes: {inside[0].name}/{folder.name}"
            )


def _listed(folders: Iterable[Path]) -> str:
    return ", ".join(folder.name for folder in folders)


def _part(root: Path, patient_from: str, is_whole: bool) -> Part:
    """One folder of class folders, or one with StyleGAN's list of labels."""
    inside_of = {folder: subfolders(folder) for folder in subfolders(root)}
    if is_whole:
        _refuse_splits_inside(inside_of)
    if has_labels(root):
        return labelled_part(root, SUFFIXES)
    folders = [*inside_of]
    _require_classes(root, folders)
    found, empty = Found(), []
    for folder in folders:
        inside = find_files(folder, SUFFIXES, _aside_beside(inside_of[folder]))
        if not inside.files:
            empty.append(folder)
        found.add(inside)
    lacking = _lacking(root, folders, empty)
    if not found.files:
        raise InputError(lacking)
    if looks_unlabelled(found.files):
        raise InputError(
            f"{root}: {_listed(folders)} are folders of StyleGAN's layout, no classes; its "
            "dataset.json with the labels is needed beside them"
        )
    files = tuple(found.files)
    names = tuple(shown(folder.name) for folder in empty)
    return Part(
        files=files,
        settings=repr(("folder", patient_from, *names)),
        read=partial(_read, root, files, patient_from, names, lacking),
        notes=(*found.notes(KIND), *_beside(root)),
    )


def _aside_beside(folders: list[Path]) -> Callable[[str], bool]:
    """A test for names that hold no data in a class folder that has these folders; masks beside
    images are among them."""
    if {path.name.casefold() for path in folders} & IMAGES:
        return lambda name: is_hidden(name) or name.casefold() in MASKS
    return is_hidden


def _require_classes(root: Path, folders: list[Path]) -> None:
    splits = [folder for folder in folders if split_called(folder.name)]
    if splits:
        raise InputError(
            f"{root}: among the class folders there is {_listed(splits)}, called as a split; "
            f"{REMEDY}"
        )
    others = [folder for folder in folders if folder.name.casefold() in IMAGES | MASKS]
    if others:
        raise InputError(f"{root}: no class is called {_listed(others)}; move what is no class")


def _lacking(root: Path, folders: list[Path], empty: list[Path]) -> str:
    """The text of `Listing.lacking` for class folders of which some are empty."""
    if len(folders) < 2:
        inside = [folder for folder in folders if len(subfolders(folder)) > 1]
        hint = f"; if they lie in {inside[0]}, set path to that" if inside else ""
        return (
            f"{root}: at least two class folders are needed; there is "
            f"{_listed(folders) or 'none'}{hint}"
        )
    if empty:
        return f"{empty[0]}: no {', '.join(SUFFIXES)} file is in this class folder"
    return ""


def _beside(root: Path) -> tuple[str, ...]:
    """Notes on what is not read: files right in `root`, and images in a hidden folder there."""
    inside = sorted(root.iterdir())
    hidden = [file for p in inside if is_hidden(p.name) for file in wanted_below(p, SUFFIXES)]
    files = [p for p in inside if not is_hidden(p.name) and p.is_file()]
    loose = [p for p in files if p.suffix.lower() in SUFFIXES]
    others = [p for p in files if p not in loose]
    notes = Found(hidden=hidden).notes(KIND)
    if loose:
        notes += (f"ignored {counted(len(loose), 'image')} that are in no class folder",)
    if others:
        names = first_few([shown(p.name) for p in others])
        notes += (f"ignored {counted(len(others), 'file')} beside the folders: {names}",)
    return notes


def _read(
    root: Path, files: tuple[str, ...], patient_from: str, empty: tuple[str, ...], lacking: str
) -> Listing:
    start = len(str(root / "_")) - 1
    names = [shown(file[start:]) for file in files]
    class_of = [name.split("/", 1)[0] for name in names]
    class_names = np.unique([*class_of, *empty])
    return Listing(
        names=tuple(names),
        labels=np.searchsorted(class_names, class_of).astype(np.int64),
        class_names=tuple(class_names.tolist()),
        payloads=partial(listed_files, files),
        patients=_patients(root, names, patient_from),
        lacking=lacking,
    )


def _patients(root: Path, names: list[str], patient_from: str) -> np.ndarray | None:
    if (pattern := patient_pattern(patient_from)) is None:
        return None
    matches = [pattern.search(name.split("/", 1)[1]) for name in names]
    # An optional group that did not match, or matched nothing, gives no patient either.
    found = [(match.group(1) or "") if match else "" for match in matches]
    if unknown := [name for name, patient in zip(names, found, strict=True) if not patient.strip()]:
        raise InputError(
            f"{root / unknown[0]}: patient_from is {patient_from!r}, which finds no patient in "
            f"this name (nor in {counted(len(unknown) - 1, 'other')})"
        )
    return np.array(found)
