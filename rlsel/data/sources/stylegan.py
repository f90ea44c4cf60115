"""The dataset layout of StyleGAN: 00000/img00000000.png, and a dataset.json with the labels.

Source: dataset_tool.py of https://github.com/NVlabs/stylegan3
"""

import json
import re
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from rlsel.data.sources.labels import class_indices, lacking
from rlsel.data.sources.part import Listing, Part, listed_files
from rlsel.data.sources.walk import find_files
from rlsel.errors import InputError
from rlsel.machine.wording import counted

NAME = "dataset.json"
NUMBERED = re.compile(r"(?:^|/)\d{5}/img\d{8}\.[^/]*$")


def has_labels(root: Path) -> bool:
    """Whether there is a dataset.json of StyleGAN; nnU-Net uses the same name for another file."""
    file = root / NAME
    return file.is_file() and isinstance(_content(file).get("labels", ""), list | None)


def looks_unlabelled(files: list[str]) -> bool:
    """Whether files are numbered as by StyleGAN's tool, whose folders are not classes."""
    return all(map(NUMBERED.search, files))


def labelled_part(root: Path, suffixes: tuple[str, ...]) -> Part:
    """The images that dataset.json names, with its labels.

    Raises:
        InputError: dataset.json has no labels, a label is not a whole number, or a file is missing.
    """
    file = root / NAME
    content = _content(file)
    labels = content["labels"]
    if not labels:
        raise InputError(f"{file}: holds no labels; make the data set with labels")
    label_of = dict(_pair(file, entry) for entry in labels)
    if len(label_of) < len(labels):
        twice = Counter(str(entry[0]) for entry in labels).most_common(1)[0][0]
        raise InputError(f"{file}: names {twice} twice; every image has one label")
    paths = [root / name for name in label_of]
    if missing := [path for path in paths if not path.is_file()]:
        raise InputError(f"{missing[0]}: no such file, but {file} names it")
    found = find_files(root, suffixes)
    num_unlabelled = len(set(map(Path, found.files)) - set(paths))
    found.others = max(found.others - 1, 0)  # dataset.json is not "another file"
    notes = found.notes("PNG, JPEG and TIFF")
    if num_unlabelled:
        notes += (f"left out {counted(num_unlabelled, 'image')} of which {NAME} has no label",)
    names = content.get("class_names")
    return Part(
        files=(file, *paths),
        settings="stylegan",
        read=partial(_read, file, label_of, paths, tuple(map(str, names)) if names else None),
        notes=notes,
    )


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as JSON ({error})") from error
    return content if isinstance(content, dict) else {}


def _pair(file: Path, entry: Any) -> tuple[str, int]:
    match entry:
        case [str(name), int(label)] if ".." not in PurePosixPath(name).parts:
            return name, label
        case _:
            raise InputError(f"{file}: {entry!r} is no file name with one whole number, its class")


def _read(
    file: Path, label_of: dict[str, int], paths: list[Path], class_names: tuple[str, ...] | None
) -> Listing:
    names = tuple(label_of)

    def where(index: int) -> str:
        return f"{file}, {names[index]}"

    labels, classes = class_indices(np.array(list(label_of.values())), class_names, where)
    return Listing(
        names,
        labels,
        classes,
        payloads=partial(listed_files, tuple(paths)),
        lacking=lacking(labels, classes, where),
    )
