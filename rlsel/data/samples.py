"""`SampleSet`: samples with a label, an id, perhaps a patient, and a content.

The content is an image or an embedding. Only the modules that read, show or train on it know which;
the import contract "The middle does not know what a sample is" enforces that.

Shape letters: N samples.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, TypeVar

import numpy as np
from jaxtyping import Int

from rlsel.machine.mapped import join_rows, take_rows

S = TypeVar("S", bound="SampleSet")


class SampleSet(ABC):
    """Labelled samples of one kind. The two kinds are `ImageSet` and `EmbeddingSet`.

    A kind is a frozen dataclass with the fields below, one field more for its content, and the name
    of that field in `content`.
    """

    labels: Int[np.ndarray, " n"]
    """Index into `class_names`, int64."""
    class_names: tuple[str, ...]
    ids: np.ndarray
    """(n,) strings, unique, the same in every run over the same source."""
    patients: np.ndarray | None
    """(n,) strings: the patient of each sample; None if unknown. Splits never divide a patient."""
    noun: ClassVar[str]
    """The word for one sample in messages: image, embedding."""
    content_noun: ClassVar[str]
    """The word in messages for what equal samples share: pixels, numbers."""
    content: ClassVar[str]
    """The field that holds one row for each sample."""

    @property
    @abstractmethod
    def shape_text(self) -> str:
        """The shape of one sample in words, such as 96 x 96 px."""

    def __post_init__(self) -> None:
        n = len(self.values)
        for name in ("labels", "ids", "patients"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"{name} has {len(value)} entries for {n} {self.noun}s")
        if n and not (self.labels.min() >= 0 and self.labels.max() < len(self.class_names)):
            raise ValueError(f"labels lie outside 0..{len(self.class_names) - 1}")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def values(self) -> np.ndarray:
        """(n, ...): the content of all samples."""
        return getattr(self, self.content)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.values.shape[1:]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def counts(self) -> dict[str, int]:
        """Samples per class, in the order of `class_names`."""
        numbers = np.bincount(self.labels, minlength=self.num_classes)
        return {name: int(n) for name, n in zip(self.class_names, numbers, strict=True)}

    def take(self: S, which: np.ndarray | Sequence[int]) -> S:
        """The samples at these indices, in that order, or those where a boolean mask is true."""
        which = np.asarray(which)
        given = {name: getattr(self, name) for name in (self.content, "labels", "ids", "patients")}
        content = take_rows(given.pop(self.content), which)
        return self.changed(
            **{name: None if value is None else value[which] for name, value in given.items()},
            **{self.content: content},
        )

    def changed(self: S, **fields: object) -> S:
        """The same samples with some fields replaced."""
        return replace(self, **fields)  # pyright: ignore[reportArgumentType]

    @cached_property
    def value_digests(self) -> np.ndarray:
        """(n,) hex strings; equal exactly where content and shape are equal."""
        shape = str(self.shape).encode()
        return np.array(
            [
                hashlib.blake2b(
                    np.ascontiguousarray(value).data, digest_size=16, key=shape
                ).hexdigest()
                for value in self.values
            ],
            dtype="U32",
        )

    @cached_property
    def digest(self) -> str:
        """Hash of content, labels, class names and ids: the data version in a ledger key."""
        state = hashlib.blake2b(digest_size=16)
        for part in (*self.value_digests, *self.labels, *self.class_names, *self.ids):
            state.update(f"{part}\0".encode())
        return state.hexdigest()


def concatenate(sets: Sequence[S]) -> S:
    """All samples of `sets` in order. They must share kind, class names and shape."""
    first = sets[0]
    if any(other.class_names != first.class_names for other in sets):
        raise ValueError(f"class names differ: {[other.class_names for other in sets]}")
    known = [part.patients for part in sets if part.patients is not None]
    joined = {
        first.content: join_rows([part.values for part in sets]),
        "labels": np.concatenate([part.labels for part in sets]),
        "ids": np.concatenate([part.ids for part in sets]),
        "patients": np.concatenate(known) if len(known) == len(sets) else None,
    }
    return first.changed(**joined)
