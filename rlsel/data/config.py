"""`DataConfig`: which real images, how large, how many, and how they are split."""

from typing import Annotated

from pydantic import Field, PositiveInt

from rlsel.data.decoding.resize import Size
from rlsel.data.phantom import PhantomSource
from rlsel.data.sources import FINDERS, EmbeddingsSource, FileSource
from rlsel.schema import OneOf, config

DataSource = Annotated[
    PhantomSource | FileSource | EmbeddingsSource,
    OneOf(lambda: (PhantomSource, *FINDERS, EmbeddingsSource)),
]
Fraction = Annotated[float, Field(gt=0, lt=1)]


@config
class Ratios:
    """How a source that is not split yet is divided; the paper's 7 : 1 : 2."""

    train: Fraction = 0.7
    """Share of the images that is trained on. The three shares sum to 1."""
    val: Fraction = 0.1
    """Share that is validated on; it is cut in two by `data.reward_val_fraction`."""
    test: Fraction = 0.2
    """Share that the final scores are measured on."""

    def __post_init__(self) -> None:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"ratios sum to {self.train + self.val + self.test:g}, not to 1")


@config
class DataConfig:
    """The real, labelled images of an experiment."""

    source: DataSource = Field(default_factory=PhantomSource)
    """Where the images come from; `name` picks the kind."""
    size_px: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Side of the square, or (height, width), that every image is resized to by area. None keeps
    the commonest size. For the phantom set source.size_px instead."""
    num_train: PositiveInt | None = None
    """Training images to draw, keeping class proportions; the others become `held_back`, from which
    a planted pool takes its candidates. They may be of the same patients. None uses all."""
    num_val: PositiveInt | None = None
    """Validation images to draw, both halves together. None uses all."""
    num_test: PositiveInt | None = None
    """Test images to draw. None uses all."""
    ratios: Ratios = Field(default_factory=Ratios)
    """For a source without splits; and train : val, for one that gives train and test alone."""
    reward_val_fraction: Fraction = 0.5
    """Share of validation that the reward sees; the rest is selection-val, which chooses among
    checkpoints. Half and half is our choice; the paper used one set for both."""
    positive_class: str | None = None
    """Of two classes, the one that sensitivity is the recall of. None takes the second by name,
    with a warning where the names suggest the other."""
    skip_bad: bool = False
    """Go on without images that cannot be read, and say which; otherwise they are an error."""

    def __post_init__(self) -> None:
        if isinstance(self.source, PhantomSource) and self.size_px is not None:
            raise ValueError("the phantom draws at its own size: set source.size_px, not size_px")
        if isinstance(self.source, EmbeddingsSource) and self.size_px is not None:
            raise ValueError("embeddings have no size in pixels: leave size_px out")

    @property
    def size(self) -> Size | None:
        """(height, width), or None for the commonest size of the source."""
        return (self.size_px, self.size_px) if isinstance(self.size_px, int) else self.size_px
