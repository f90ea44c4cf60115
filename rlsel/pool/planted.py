"""A pool of real images with planted faults, on which a selection can be judged exactly.

Shape letters in this file: N candidates, H rows, W columns, C classes.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFilter
from pydantic import Field

from rlsel.data.image_set import ImageSet
from rlsel.data.samples import SampleSet
from rlsel.data.stratify import apportion
from rlsel.errors import InputError
from rlsel.pool.pool import Pool
from rlsel.schema import config

Fraction = Annotated[float, Field(ge=0, le=1)]
KINDS = ("right_label", "wrong_label", "blurred", "noise")


@config
class PlantedPool:
    """Candidates from the training images that `data.num_train` held back, some with faults.

    Whether a fault is harmful must be measured, not assumed: pure noise, for example, need not
    lower a score at all. `useful` therefore says only whether an oracle of labels would keep the
    candidate.
    """

    name: Literal["planted"] = "planted"
    num_candidates: Annotated[int, Field(ge=16)] = 1024
    """Number of candidates, spread evenly over the labels."""
    wrong_label: Fraction = 0.5
    """Share of unchanged images with the label of another class."""
    blurred: Fraction = 0.0
    """Share with the right label and a Gaussian blur. Whether it is harmful must be measured."""
    noise: Fraction = 0.0
    """Share with the right label on random pixels in the image's own colours, so that no tissue is
    left. Whether it is harmful must be measured."""
    blur_px: Annotated[float, Field(gt=0)] = 2.0
    """Standard deviation of the blur."""

    def __post_init__(self) -> None:
        if (total := self.wrong_label + self.blurred + self.noise) > 1 + 1e-6:
            raise ValueError(f"wrong_label, blurred and noise sum to {total:g}, more than 1")


def plant(config: PlantedPool, held_back: SampleSet | None, rng: np.random.Generator) -> Pool:
    """Draw candidates, plant the faults, and shuffle.

    Every held-back image is used at most once. All labels have the same number of candidates and
    the same number of each kind, to within one. Images with wrong labels come from the other
    classes in equal parts. `useful` is true only for the kind right_label.

    Raises:
        InputError: too few images were held back.
    """
    if held_back is None:
        raise InputError(
            "pool.name is planted, but no image was held back: set data.num_train below the number "
            "of training images"
        )
    if not isinstance(held_back, ImageSet) and (config.blurred or config.noise):
        raise InputError(
            f"pool: blurred and noise spoil images, and the samples are {held_back.noun}s; set "
            "both to 0"
        )
    given_N, true_N, kinds_N = _plan(config, held_back.num_classes)
    chosen_N = _choose(held_back, true_N, rng)
    order_N = rng.permutation(len(chosen_N))
    given_N, kinds_N, chosen_N = given_N[order_N], kinds_N[order_N], chosen_N[order_N]
    candidates = held_back.take(chosen_N)
    return Pool(
        candidates=_spoilt(candidates, kinds_N, config.blur_px, rng).changed(
            labels=given_N, ids=np.char.add("planted/", candidates.ids)
        ),
        source=_provenance(config),
        kinds=kinds_N,
        useful=kinds_N == "right_label",
    )


def _spoilt(
    candidates: SampleSet, kinds_N: np.ndarray, blur_px: float, rng: np.random.Generator
) -> SampleSet:
    if not isinstance(candidates, ImageSet):
        return candidates
    return candidates.changed(images=_spoil(candidates.images, kinds_N, blur_px, rng))


def _provenance(config: PlantedPool) -> str:
    faults = [f"{kind} {getattr(config, kind):g}" for kind in KINDS[1:] if getattr(config, kind)]
    return f"planted from held-back real images ({', '.join(faults) or 'no faults'})"


def _plan(config: PlantedPool, num_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, true class and kind of every candidate, not shuffled yet."""
    faults = [config.wrong_label, config.blurred, config.noise]
    shares = np.array([round(1 - sum(faults), 6), *faults])
    given, true, kinds = [], [], []
    for label, count in enumerate(apportion(np.ones(num_classes), config.num_candidates)):
        numbers = apportion(shares, int(count))
        # Starting after the label spreads a remainder over different classes for different labels.
        others = [(label + turn) % num_classes for turn in range(1, num_classes)]
        true_labels = np.full(count, label)
        wrong = slice(numbers[0], numbers[0] + numbers[1])
        true_labels[wrong] = np.resize(others, numbers[1])
        given.append(np.full(count, label))
        true.append(true_labels)
        kinds.append(np.repeat(KINDS, numbers))
    return np.concatenate(given), np.concatenate(true), np.concatenate(kinds)


def _choose(held_back: SampleSet, true_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An index into `held_back` for each candidate, of its true class, none twice."""
    chosen_N = np.empty(len(true_N), dtype=np.int64)
    for label, name in enumerate(held_back.class_names):
        wanted = true_N == label
        members = np.flatnonzero(held_back.labels == label)
        if wanted.sum() > len(members):
            raise InputError(
                f"pool.num_candidates is {len(true_N):,}, which needs {wanted.sum():,} held-back "
                f"images of {name}; there are {len(members):,}: lower it, or lower data.num_train"
            )
        chosen_N[wanted] = rng.permutation(members)[: wanted.sum()]
    return chosen_N


def _spoil(
    images_NHWC: UInt8[np.ndarray, "n h w 3"],
    kinds_N: np.ndarray,
    blur_px: float,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "n h w 3"]:
    """Blur or replace images by their kind. Writes into `images_NHWC`, which `take` copied."""
    change: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "blurred": lambda image: blur(image, blur_px),
        "noise": lambda image: noise_like(image, rng),
    }
    for kind, function in change.items():
        for index in np.flatnonzero(kinds_N == kind):
            images_NHWC[index] = function(images_NHWC[index])
    return images_NHWC


def blur(image: UInt8[np.ndarray, "h w 3"], sigma_px: float) -> UInt8[np.ndarray, "h w 3"]:
    """A Gaussian blur, as Pillow approximates it with three box filters."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma_px)))


def noise_like(
    image: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """Independent normal pixels with the mean and standard deviation of each channel."""
    pixels = rng.normal(image.mean(axis=(0, 1)), image.std(axis=(0, 1)), image.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
