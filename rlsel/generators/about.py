"""What a training belongs to: one with the same is the same training."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlsel.data.image_set import ImageSet
from rlsel.errors import InputError
from rlsel.pool.pool import short_digests


@dataclass(frozen=True)
class About:
    """What a training belongs to."""

    settings: dict[str, Any]
    """Of the Config, those that weights depend on; `name`, the kind, is one of them."""
    class_names: list[str]
    size: list[int]
    """Height and width of an image."""
    class_counts: list[int]
    """Training images of each class."""
    train_digest: str
    train_images: list[str]
    """`pool.pool.short_digests` of the training images: none of them may be tested on."""
    seed: int

    @classmethod
    def of(cls, config: Any, train: ImageSet, seed: int, but: Collection[str]) -> "About":
        """Of a training on `train`.

        Args:
            config: The Config of a generator.
            but: Settings that change no weight, so a checkpoint may be used with other values.
        """
        settings = {k: v for k, v in asdict(config).items() if k not in but}
        height, width = train.images.shape[1:3]
        return cls(
            settings={k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()},
            class_names=list(train.class_names),
            size=[height, width],
            class_counts=list(train.counts.values()),
            train_digest=train.digest,
            train_images=short_digests(train).tolist(),
            seed=seed,
        )

    @property
    def kind(self) -> str:
        """The name of the generator."""
        return self.settings["name"]


def require_same(path: Path, found: About, wanted: About) -> None:
    """Refuse a checkpoint of something else.

    Raises:
        InputError: names what differs.
    """
    differences = [
        f"{name} is {found.settings.get(name)!r} there and {value!r} here"
        for name, value in wanted.settings.items()
        if found.settings.get(name) != value
    ]
    differences += [
        f"{what} {getattr(found, name)!r} there and {getattr(wanted, name)!r} here"
        for name, what in (
            ("class_names", "classes are"),
            ("size", "size is"),
            ("train_digest", "training images are"),
            ("seed", "seed is"),
        )
        if getattr(found, name) != getattr(wanted, name)
    ]
    if differences:
        raise InputError(
            f"{path}: is of another training ({'; '.join(differences)}); choose another --out"
        )
