"""NPZ files in the MedMNIST convention: train_images, train_labels, val_..., test_...

A file with plain `images` and `labels` is one set, split by ratio.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Literal

import numpy as np

from rlsel.data.sources.labels import class_indices, lacking, patient_names
from rlsel.data.sources.part import WHOLE, Listing, Part, Payload
from rlsel.data.sources.paths import existing
from rlsel.errors import InputError
from rlsel.machine.memory import require_memory
from rlsel.machine.wording import counted
from rlsel.schema import PathText, config

PREFIXES = {"train": "train_", "val": "val_", "test": "test_", WHOLE: ""}
TOLERANCE = 0.01
"""Share of the scale by which floats may overshoot it, as interpolation and rounding cause."""
NEARLY_BLACK = 16
"""Floats whose maximum lies between 1 and this fit neither the scale 0..1 nor 0..255."""


@config
class NpzSource:
    """Arrays in one NPZ file in the layout of MedMNIST. Greyscale becomes RGB."""

    name: Literal["npz"] = "npz"
    path: PathText
    """The file. It holds train_images (n, h, w) or (n, h, w, 3), train_labels (n,) or (n, 1), the
    same for val and test, and perhaps train_patients; or images, labels and perhaps patients."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ..., which the file cannot hold. None calls them "0", "1", ..."""


def npz_parts(source: NpzSource) -> dict[str, Part]:
    """The splits of an NPZ file, or all of it as one part.

    Raises:
        InputError: the file is missing, is no NPZ file, or lacks an array.
    """
    path = existing(source.path)
    keys = array_names(path)
    splits = [WHOLE] if "images" in keys else ["train", "val", "test"]
    for split in ("val", "test"):  # one of them may be cut from train
        if len(splits) == 3 and not any(key.startswith(f"{split}_") for key in keys):
            splits.remove(split)
    needed = [PREFIXES[split] + array for split in splits for array in ("images", "labels")]
    if absent := [key for key in needed if key not in keys]:
        raise InputError(f"{path}: no array {', '.join(absent)}; it holds {', '.join(keys)}")
    known = {PREFIXES[s] + array for s in splits for array in ("images", "labels", "patients")}
    others = [key for key in keys if key not in known]
    notes = (f"did not read the arrays {', '.join(others)}",) if others else ()

    @cache
    def highest() -> float:
        """The highest value of all float images in the file, which share one scale."""
        return max(_highest(path, f"{PREFIXES[split]}images") for split in splits)

    return {
        split: Part(
            files=(path,),
            settings=repr(("npz", split, source.class_names)),
            read=partial(_read, path, PREFIXES[split], source.class_names, highest),
            notes=notes if split == splits[0] else (),
        )
        for split in splits
    }


def array_names(path: Path) -> list[str]:
    """Names of the arrays in an NPZ file."""
    with _opened(path, "as NPZ") as arrays:
        return arrays.files


def _highest(path: Path, key: str) -> float:
    images = read_array(path, key)
    finite = images[np.isfinite(images)] if images.dtype.kind == "f" else np.array([])
    return float(finite.max(initial=0))


def _read(
    path: Path, prefix: str, class_names: tuple[str, ...] | None, highest: Callable[[], float]
) -> Listing:
    images, notes = as_uint8(
        read_array(path, f"{prefix}images"), f"{path}: {prefix}images", highest
    )
    labels = one_label_each(read_array(path, f"{prefix}labels"), f"{path}: {prefix}labels")
    known = f"{prefix}patients" in array_names(path)
    patients = read_array(path, f"{prefix}patients").ravel() if known else None
    for what, array in (("labels", labels), ("patients", patients)):
        if array is not None and len(array) != len(images):
            raise InputError(f"{path}: {len(images):,} {prefix}images but {len(array):,} {what}")

    def where(index: int) -> str:
        return f"{path}, {prefix}images[{index}]"

    indices, names = class_indices(labels, class_names, where)
    return Listing(
        names=tuple(str(index) for index in range(len(images))),
        labels=indices,
        class_names=names,
        payloads=lambda: _payloads(images, where),
        patients=None if patients is None else patient_names(patients, where),
        notes=notes,
        lacking=lacking(indices, names, where),
    )


def read_array(path: Path, key: str, num_copies: int = 1) -> np.ndarray:
    """One array of an NPZ file.

    Args:
        num_copies: How often the caller needs room for it.

    Raises:
        InputError: it is damaged, has no room in memory, or holds Python objects, which could run
            any program.
    """
    with _opened(path, f"({key})") as arrays:
        require_memory_for_array(path, key, num_copies)
        try:
            return arrays[key]
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
    raise InputError(
        f"{path}: {key} holds Python objects, which are not read; save it as numbers or text, as "
        "labels.astype(str) does"
    )


def require_memory_for_array(path: Path, key: str, num_copies: int) -> None:
    """Refuse an array that there is no memory for, before it is read.

    Args:
        num_copies: How often the caller needs room for it.

    Raises:
        InputError: there is no room.
    """
    names = (f"{key}.npy", key)
    with zipfile.ZipFile(path) as arrays:
        num_bytes = next(one.file_size for one in arrays.infolist() if one.filename in names)
    require_memory(
        num_copies * num_bytes,
        f"{path}: {key}",
        "give fewer rows, or take a machine with more memory",
    )


@contextmanager
def _opened(path: Path, what: str) -> Iterator[np.lib.npyio.NpzFile]:
    try:
        # np.load would leave a file open that turns out to be no zip, so it is opened here.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            yield arrays
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: cannot be read {what} ({error})") from error


def _payloads(images: np.ndarray, where: Callable[[int], str]) -> Iterator[Payload]:
    return (Payload(where(index), image) for index, image in enumerate(images))


def one_label_each(labels: np.ndarray, where: str, noun: str = "image") -> np.ndarray:
    """Labels as (n,), from (n,) or MedMNIST's (n, 1)."""
    if labels.ndim > 1 and labels.size == len(labels):
        return labels.ravel()
    if labels.ndim == 1:
        return labels
    raise InputError(f"{where}: shape {labels.shape}, but one label per {noun} is needed, (n, 1)")


def as_uint8(
    images: np.ndarray, where: str, highest: Callable[[], float] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Images of any number type as 0..255, with notes if they had to be scaled or rounded.

    Args:
        highest: the highest value of the float images of the whole source, which decides on their
            scale; None takes it from these images alone.

    Raises:
        InputError: the shape is not one of images, or a value is NaN or outside 0..255.
    """
    if not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))):
        raise InputError(f"{where}: shape {images.shape}, but (n, h, w) or (n, h, w, 3) is needed")
    if images.dtype == np.uint8:
        return images, ()
    if images.dtype.kind not in "fiu":
        raise InputError(f"{where}: type {images.dtype}, but numbers from 0 to 255 are needed")
    if not np.isfinite(images).all():
        first = int(np.flatnonzero(~np.isfinite(images).reshape(len(images), -1).all(1))[0])
        raise InputError(f"{where}[{first}]: holds NaN or infinity; remove or mend that image")
    if images.dtype.kind == "f":
        own = float(images.max(initial=0))
        return _floats(images, where, max(highest(), own) if highest else own)
    low, high = int(images.min(initial=0)), int(images.max(initial=0))
    if low < 0 or high > 255:
        raise _unscaled(where, float(low), float(high))
    return images.astype(np.uint8), (f"rounded {images.dtype} images to 8 bits",)


def _floats(images: np.ndarray, where: str, highest: float) -> tuple[np.ndarray, tuple[str, ...]]:
    low, high = float(images.min(initial=0)), float(images.max(initial=0))
    scale = 1 if highest <= 1 + TOLERANCE else 255
    spare = scale * TOLERANCE
    if low < -spare or high > scale + spare or 1 + TOLERANCE < highest < NEARLY_BLACK:
        raise _unscaled(where, low, high)
    if scale == 255 and high <= 1 + TOLERANCE and len(images):
        raise InputError(
            f"{where}: values from {low:g} to {high:g}, but other images of this file go up to "
            f"{highest:g}; give all of them one scale"
        )
    num_over = int(((images < 0) | (images > scale)).sum())
    notes = (f"cut {counted(num_over, 'value')} from {low:.7g} to {high:.7g} to 0..{scale}",)
    notes = notes if num_over else ()
    if scale == 1:
        notes = ("scaled float images from 0..1 to 0..255", *notes)
    else:
        notes = (f"rounded {images.dtype} images to 8 bits", *notes)
    # These arrays can fill much of the memory, so one copy is made and rounded in place.
    scaled = np.clip(images, 0, scale) * (255 // scale)
    return np.rint(scaled, out=scaled).astype(np.uint8), notes


def _unscaled(where: str, low: float, high: float) -> InputError:
    return InputError(f"{where}: values from {low:g} to {high:g}; scale them to 0..255 first")
