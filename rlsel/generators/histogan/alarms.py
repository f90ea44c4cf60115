"""Alarms on a GAN training that fails, raised while the user can still change the settings."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from rlsel.data.pattern import SUSPICIOUS, shared_pattern
from rlsel.errors import InputError

WON_OUTRIGHT = 0.1
"""Discriminator loss below which the generator has nothing left to learn from. A discriminator that
cannot tell real from made images has a hinge loss of 2, or a non-saturating loss of 1.39."""
ALIKE = 0.1
"""Ratio of the spread of made images of a class to that of real ones. Below it, the class has
collapsed."""
EXPLODED = 30.0
"""Ratio of the latest gradient norms to their median. Above it, the training diverges."""
LATE = 0.25
"""Share of the rows so far, the last ones, from which alarms are computed."""
FEW = 8
"""Fewest rows before alarms are printed during training; any beginning looks like trouble."""


def require_finite(row: dict[str, Any], path: str) -> None:
    """Stop a training whose losses are NaN or infinite.

    Raises:
        InputError: a loss is not finite; the message says what to change.
    """
    lost = [name for name, value in row.items() if not math.isfinite(value)]
    if lost:
        raise InputError(
            f"{path}: {', '.join(lost)} is no number at step {row['step']:.0f}: lower "
            "generator.lr_generator and lr_discriminator, or set generator.precision: fp32"
        )


def warn_of_trouble(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """{name of the alarm: a line that says what to try}, from the last quarter of the rows."""
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
                "median: the training diverges; lower the learning rates"
            )
    return warnings


def spread(
    made: Sequence[UInt8[np.ndarray, "n h w 3"]], real: Sequence[UInt8[np.ndarray, "m h w 3"]]
) -> float:
    """Deviation among made images of a class over that among real ones; minimum over classes."""
    ratios = [_deviation(m) / max(_deviation(r), 1e-9) for m, r in zip(made, real, strict=True)]
    return float(min(ratios))


def excess_pattern(
    made: Sequence[UInt8[np.ndarray, "n h w 3"]], real: Sequence[UInt8[np.ndarray, "m h w 3"]]
) -> float:
    """`shared_pattern` of made images minus that of real ones; the maximum over classes."""
    return max(shared_pattern(m) - shared_pattern(r) for m, r in zip(made, real, strict=True))


def _deviation(images: UInt8[np.ndarray, "n h w 3"]) -> float:
    """Standard deviation over images, as the root mean square over pixels."""
    variance: Float[np.ndarray, "h w 3"] = images.astype(np.float64).var(axis=0)
    return float(np.sqrt(variance.mean()))
