"""`ImageSet`: labelled images in memory, the currency of every stage before the features.

Shape letters in this package: N images, H rows, W columns, C channels (always 3, RGB).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Int, UInt8


@dataclass(frozen=True)
class ImageSet:
    """Images with labels and stable names. Arrays may be memory-mapped; nothing writes to them."""

    images: UInt8[np.ndarray, "n h w 3"]
    """RGB, 0 to 255."""
    labels: Int[np.ndarray, " n"]
    """Index into `class_names`, int64."""
    class_names: tuple[str, ...]
    ids: np.ndarray
    """(n,) strings, unique, the same in every run over the same source."""
    patients: np.ndarray | None = None
    """(n,) strings: who the image comes from. A split never divides a patient. None if unknown."""

    def __post_init__(self) -> None:
        n = len(self.images)
        for name in ("labels", "ids", "patients"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"{name} has {len(value)} entries for {n} images")
        if n and not (self.labels.min() >= 0 and self.labels.max() < len(self.class_names)):
            raise ValueError(f"labels lie outside 0..{len(self.class_names) - 1}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def counts(self) -> dict[str, int]:
        """Images per class, in the order of `class_names`."""
        numbers = np.bincount(self.labels, minlength=self.num_classes)
        return {name: int(n) for name, n in zip(self.class_names, numbers, strict=True)}

    def take(self, which: np.ndarray | Sequence[int]) -> "ImageSet":
        """The images at these indices, or where this boolean mask is true, in that order."""
        which = np.asarray(which)
        patients = None if self.patients is None else self.patients[which]
        return replace(
            self,
            images=self.images[which],
            labels=self.labels[which],
            ids=self.ids[which],
            patients=patients,
        )

    @cached_property
    def image_digests(self) -> np.ndarray:
        """(n,) hex strings; equal exactly where the pixels and the shape are equal."""
        shape = str(self.images.shape[1:]).encode()
        return np.array(
            [
                hashlib.blake2b(
                    np.ascontiguousarray(image).data, digest_size=16, key=shape
                ).hexdigest()
                for image in self.images
            ],
            dtype="U32",
        )

    @cached_property
    def digest(self) -> str:
        """Hash of pixels, labels, class names and ids: the data version that a ledger key holds."""
        state = hashlib.blake2b(digest_size=16)
        for part in (*self.image_digests, *self.labels, *self.class_names, *self.ids):
            state.update(f"{part}\0".encode())
        return state.hexdigest()


def concatenate(sets: Sequence[ImageSet]) -> ImageSet:
    """All images of `sets` in order. They must share class names and image size."""
    first = sets[0]
    if any(other.class_names != first.class_names for other in sets):
        raise ValueError(f"class names differ: {[other.class_names for other in sets]}")
    known = all(other.patients is not None for other in sets)
    return ImageSet(
        images=np.concatenate([part.images for part in sets]),
        labels=np.concatenate([part.labels for part in sets]),
        class_names=first.class_names,
        ids=np.concatenate([part.ids for part in sets]),
        patients=np.concatenate([p.patients for p in sets if p.patients is not None])
        if known
        else None,
    )
