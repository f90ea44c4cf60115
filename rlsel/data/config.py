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
    """Share of the images used for training. The three shares sum to 1."""
    val: Fraction = 0.1
    """Share used for validation; `data.reward_val_fraction` cuts it in two."""
    test: Fraction = 0.2
    """Share on which the final scores are measured."""

    def __post_init__(self) -> None:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"ratios sum to {self.train + self.val + self.test:g}, not to 1")


@config
class DataConfig:
    """The real, labelled images of an experiment."""

    source: DataSource = Field(default_factory=PhantomSource)
    """Where the images come from; `name` picks the kind."""
    size_px: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Size to which every image is resized by area: the side of a square, or (height, width). None
    takes the commonest size. For the phantom set source.size_px instead."""
    num_train: PositiveInt | None = None
    """Training images to draw, keeping class proportions. The others become `held_back`, from which
    a planted pool takes its candidates; training and held-back images may share patients. None uses
    all."""
    num_val: PositiveInt | None = None
    """Validation images to draw, both halves together. None uses all."""
    num_test: PositiveInt | None = None
    """Test images to draw. None uses all."""
    ratios: Ratios = Field(default_factory=Ratios)
    """Shares of the splits of a source that has none. If a source lacks only val or only test, that
    split is cut from train in the ratio of the two shares."""
    reward_val_fraction: Fraction = 0.5
    """Share of validation that the reward sees; the rest is selection-val, which chooses among
    checkpoints. Half and half is our choice; the paper used one set for both."""
    positive_class: str | None = None
    """The positive one of two classes: sensitivity is its recall. None takes the second in
    alphabetical order, and warns if the names suggest the other."""
    skip_bad: bool = False
    """Leave out images that cannot be read, and list them; otherwise they are an error."""

    def __post_init__(self) -> None:
        if isinstance(self.source, PhantomSource) and self.size_px is not None:
            raise ValueError("the phantom draws at its own size: set source.size_px, not size_px")
        if isinstance(self.source, EmbeddingsSource) and self.size_px is not None:
            raise ValueError("embeddings have no size in pixels: leave size_px out")
        if isinstance(self.source, EmbeddingsSource) and self.skip_bad:
            raise ValueError(
                "no embedding is left out where one cannot be read: leave skip_bad out, and mend "
                "the file"
            )

    @property
    def size(self) -> Size | None:
        """(height, width), or None for the commonest size of the source."""
        return (self.size_px, self.size_px) if isinstance(self.size_px, int) else self.size_px
