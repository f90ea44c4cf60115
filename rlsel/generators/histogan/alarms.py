"""What goes wrong between two networks, told while there is time to do something about it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from rlsel.data.pattern import SUSPICIOUS, shared_pattern
from rlsel.errors import InputError

WON_OUTRIGHT = 0.1
"""Discriminator loss below which there is nothing left for the generator to learn from: hinge loss
is 2 and the non-saturating one 1.39 where it cannot tell real from made."""
ALIKE = 0.1
"""Spread of made images of a class over that of real ones, below which they are all alike."""
EXPLODED = 30.0
"""Gradient norm at the end over its median."""
LATE = 0.25
"""Share of what was trained so far, at its end, that is looked at."""
FEW = 8
"""Rows before which nothing is said while training: any beginning looks like trouble."""


def require_finite(row: dict[str, Any], path: str) -> None:
    """Stop a training whose losses are no numbers any more.

    Raises:
        InputError: says what to change.
    """
    lost = [name for name, value in row.items() if not math.isfinite(value)]
    if lost:
        raise InputError(
            f"{path}: {', '.join(lost)} is no number at step {row['step']:.0f}: lower "
            "generator.lr_generator and lr_discriminator, or set generator.precision: fp32"
        )


def warn_of_trouble(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """A line for every alarm, by its name, with what to try; of the last quarter of the rows."""
    late = rows[-max(1, math.ceil(LATE * len(rows))) :]
    if not late:
        return {}
    warnings = {}
    loss = float(np.mean([row["loss_discriminator"] for row in late]))
    if loss < WON_OUTRIGHT:
        warnings["won outright"] = (
            f"the discriminator wins outright (its loss is {loss:.2g}): the generator learns "
            "nothing any more; lower generator.lr_discriminator, switch on all of "
            "generator.augmentation, or give it more training images"
        )
    spread = float(np.min([row["spread"] for row in late]))
    if spread < ALIKE:
        warnings["collapse"] = (
            f"collapse: images of a class are nearly the same for different noise (spread "
            f"{spread:.2f} of that of real ones); go back to an earlier grid, with fewer "
            "generator.num_images, or lower generator.lr_generator"
        )
    pattern = float(np.mean([row["pattern"] for row in late]))
    if pattern > SUSPICIOUS:
        warnings["pattern"] = (
            f"images of a class share one pattern: two of them correlate by {pattern:.2f} more "
            "than real ones do, and a classifier would learn the pattern; train longer "
            "(generator.num_images), or lower generator.lr_generator"
        )
    for name in ("grad_norm_generator", "grad_norm_discriminator"):
        norms = [row[name] for row in rows]
        usual, now = float(np.median(norms)), float(np.mean([row[name] for row in late]))
        if usual > 0 and now > EXPLODED * usual:
            warnings[name] = (
                f"{name.replace('_', ' ')} has grown to {now:.2g}, {now / usual:.0f} times its "
                "median: the training is coming apart; lower the learning rates"
            )
    return warnings


def spread(
    made: Sequence[UInt8[np.ndarray, "n h w 3"]], real: Sequence[UInt8[np.ndarray, "m h w 3"]]
) -> float:
    """How much images of a class differ, over how much real ones do; the least over the classes."""
    ratios = [_deviation(m) / max(_deviation(r), 1e-9) for m, r in zip(made, real, strict=True)]
    return float(min(ratios))


def excess_pattern(
    made: Sequence[UInt8[np.ndarray, "n h w 3"]], real: Sequence[UInt8[np.ndarray, "m h w 3"]]
) -> float:
    """How much more of a pattern a class shares than real images of it; the most of all classes."""
    return max(shared_pattern(m) - shared_pattern(r) for m, r in zip(made, real, strict=True))


def _deviation(images: UInt8[np.ndarray, "n h w 3"]) -> float:
    """Standard deviation of a pixel over images, root mean square over pixels."""
    variance: Float[np.ndarray, "h w 3"] = images.astype(np.float64).var(axis=0)
    return float(np.sqrt(variance.mean()))
