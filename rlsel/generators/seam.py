"""What a generator has to do, so that runs, reports and the command line can work with any.

A new one is a package beside `histogan/` that has a `@config` class and a class with what
`Generator` lists, and one line in `registry.py`. Files that a training leaves are called the same
for all generators (`training_folder.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt8

from rlsel.data.decoding.resize import Size
from rlsel.data.image_set import ImageSet
from rlsel.generators.about import About

C = TypeVar("C", bound="GeneratorSettings")
K = TypeVar("K", bound="Checkpoint")


@runtime_checkable
class GeneratorSettings(Protocol):
    """What the `@config` class of every generator has."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """The kind, as configs have it."""
        ...

    @property
    def num_per_class(self) -> int:
        """Candidates of each class; 8 or more, and the default is what `--per-class` has."""
        ...

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Classes to make candidates of; None makes all."""
        ...


@runtime_checkable
class Checkpoint(Protocol):
    """A training as its file has it. What else is in it is known to its own generator alone."""

    @property
    def about(self) -> About: ...

    @property
    def model_hash(self) -> str:
        """Sixteen hex digits of the weights that images are made with."""
        ...


@dataclass(frozen=True)
class Trained(Generic[K]):
    """What a training left behind."""

    checkpoint: K
    rows: Sequence[dict[str, Any]]
    """Figures as it went; those of `training_folder.STEPS`."""
    warnings: Sequence[str]
    """For the report: signs that candidates will be bad."""


@dataclass(frozen=True)
class Panel:
    """Curves of the training that the report draws beside each other."""

    title: str
    columns: Mapping[str, str]
    """Column of the rows -> what the caption calls it; empty where the title says it."""
    from_zero: bool = False
    """Whether the axis begins at 0."""


@runtime_checkable
class Generator(Protocol[C, K]):
    """A kind of generator: settings C, checkpoints K."""

    @property
    def config(self) -> type[C]:
        """Its `@config` class, whose `name` is a Literal."""
        ...

    @property
    def layout(self) -> int:
        """Of its checkpoints: raise it when older ones cannot be read, or the same settings train
        otherwise. Trainings of another layout are not taken from the cache."""
        ...

    @property
    def panels(self) -> tuple[Panel, ...]:
        """What the report draws of its rows, over the real images seen."""
        ...

    @property
    def reading_aid(self) -> str:
        """A sentence under these curves: what would be a bad sign. It may be empty."""
        ...

    def nearest_sizes(self, size: Size) -> Sequence[Size]:
        """Sizes (height, width) that it can make, the nearest to `size` first."""
        ...

    def require_trainable(self, train: ImageSet) -> None:
        """Refuse training images that it cannot be trained on, before anything is trained.

        Raises:
            InputError: says what is wrong, and what to do about it.
        """
        ...

    def about(self, config: C, train: ImageSet, seed: int) -> About:
        """What a training belongs to. Two with the same are one, which is shared."""
        ...

    def train(
        self, config: C, train: ImageSet, seed: int, folder: Path, on_save: Callable[[], object]
    ) -> Trained[K]:
        """Train in `folder`, or go on there with what was interrupted; finished, only read it.

        It shows a progress bar, writes the files of `training_folder.py`, and calls `on_save` after
        every checkpoint.

        Raises:
            InputError: the images cannot be trained on, the checkpoint there is of another training
                (`about.require_same`), or the training came apart.
        """
        ...

    def load(self, stored: Mapping[str, Any], path: Path) -> K:
        """The checkpoint whose file holds `stored` (`training_folder.read_stored`).

        Raises:
            InputError: another version wrote it.
        """
        ...

    def make_images(
        self, checkpoint: K, latent_seeds: Sequence[int], labels: Int[np.ndarray, " n"]
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """One image of each label; it follows from label and latent seed alone, whatever is made
        beside it."""
        ...
