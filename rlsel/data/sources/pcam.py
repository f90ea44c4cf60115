"""PatchCamelyon as published, in pairs of HDF5 files, or as downloaded by torchvision.

Source: Veeling et al. 2018, arXiv 1806.03962, https://github.com/basveeling/pcam
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from rlsel.data.sources.labels import class_indices, lacking
from rlsel.data.sources.part import Listing, Part, Payload
from rlsel.data.sources.paths import existing_folder, expand
from rlsel.errors import InputError
from rlsel.schema import PathText, config

SPLIT_IN_NAME = {"train": "train", "val": "valid", "test": "test"}
CLASS_NAMES = ("normal", "tumour")
ROWS_AT_ONCE = 512


@config
class PcamHdf5Source:
    """The official HDF5 files of PCam, with its official splits."""

    name: Literal["pcam_hdf5"] = "pcam_hdf5"
    path: PathText
    """The folder with camelyonpatch_level_2_split_train_x.h5 and the five others, unpacked. If the
    ..._meta.csv files lie beside them, the whole-slide image counts as the patient."""


@config
class TorchvisionPcamSource:
    """PCam through torchvision, which can download it (7 GB, needs the package gdown)."""

    name: Literal["torchvision_pcam"] = "torchvision_pcam"
    path: PathText
    """The folder that torchvision calls root; the files lie in its subfolder pcam."""
    download: bool = True
    """Download the files that are missing."""


def pcam_hdf5_parts(source: PcamHdf5Source) -> dict[str, Part]:
    """The three official splits.

    Raises:
        InputError: a file is missing, or still compressed.
    """
    return _parts(existing_folder(source.path))


def torchvision_pcam_parts(source: TorchvisionPcamSource) -> dict[str, Part]:
    """The three official splits, downloaded first if `download` is set.

    Raises:
        InputError: torchvision cannot download or find the files.
    """
    from torchvision.datasets import PCAM  # imports torch, which no other source needs

    root = expand(source.path)
    for split in SPLIT_IN_NAME:
        try:
            PCAM(root, split=split, download=source.download)
        except Exception as error:  # downloads fail in many ways, and only the user can help
            hint = "" if source.download else "; set download: true to fetch it"
            raise InputError(f"{root}: torchvision has no PCam {split} ({error}){hint}") from error
    return _parts(root / "pcam")


def _parts(folder: Path) -> dict[str, Part]:
    return {split: _part(folder, name) for split, name in SPLIT_IN_NAME.items()}


def _part(folder: Path, split: str) -> Part:
    stem = f"camelyonpatch_level_2_split_{split}"
    files = [_unpacked(folder / f"{stem}_{kind}.h5") for kind in "xy"]
    meta = folder / f"{stem}_meta.csv"
    files += [meta] if meta.exists() else []
    return Part(tuple(files), f"pcam_hdf5 {len(files)}", partial(_read, *files))


def _unpacked(file: Path) -> Path:
    if file.exists():
        return file
    packed = file.with_name(f"{file.name}.gz")
    if packed.exists():
        raise InputError(f"{packed}: is still packed; run: gunzip {packed}")
    raise InputError(f"{file}: no such file; PCam's official files are needed in this folder")


def _read(images: Path, labels: Path, meta: Path | None = None) -> Listing:
    with _opened(images, "x") as x, _opened(labels, "y") as y:
        count, numbers = len(x), y[:].reshape(-1)
    if count != len(numbers):
        raise InputError(f"{images}: {count:,} images, but {labels.name} has {len(numbers):,}")

    def where(index: int) -> str:
        return f"{labels}, row {index}"

    indices, names = class_indices(numbers, CLASS_NAMES, where)
    return Listing(
        names=tuple(str(row) for row in range(count)),
        labels=indices,
        class_names=names,
        payloads=partial(_payloads, images),
        patients=_slides(meta, count) if meta else None,
        lacking=lacking(indices, names, where),
    )


@contextmanager
def _opened(file: Path, key: str) -> Iterator[h5py.Dataset]:
    try:
        with h5py.File(file, "r") as store:
            dataset = store[key]
            if not isinstance(dataset, h5py.Dataset):
                raise KeyError(f"{key} is a group")
            yield dataset
    except (OSError, KeyError) as error:
        raise InputError(f"{file}: cannot be read as HDF5 with an array {key} ({error})") from error


def _slides(meta: Path, count: int) -> np.ndarray:
    with meta.open(newline="") as stream:
        slides = [row.get("wsi", "") for row in csv.DictReader(stream)]
    if len(slides) != count or not all(slides):
        raise InputError(f"{meta}: {count:,} rows with a column wsi are needed; move it elsewhere")
    return np.array(slides)


def _payloads(file: Path) -> Iterator[Payload]:
    with _opened(file, "x") as images:
        for start in range(0, len(images), ROWS_AT_ONCE):
            for row, image in enumerate(images[start : start + ROWS_AT_ONCE], start):
                yield Payload(f"{file}, row {row}", image)
