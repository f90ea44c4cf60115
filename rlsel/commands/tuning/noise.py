"""The noise of a sweep: how far apart two rows must be for a meaningful difference.

Shape letters: R rows, S seeds.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from rlsel.commands.tuning.inputs import Judge
from rlsel.machine.wording import counted


@dataclass(frozen=True)
class Noise:
    """The noise of the mean over seeds of one row. NaN if it is unknown."""

    of_images: float
    """Standard error due to the size of selection-val."""
    of_seeds: float
    """Half the width of the 95% interval of the difference of two rows, from the spread over seeds.
    """
    num_images: int
    num_seeds: int

    @property
    def apart(self) -> float:
        """Rows less than this apart may differ by chance alone. NaN if nothing is known."""
        # An upper bound, because all rows are scored on the same images.
        by_images = 1.96 * math.sqrt(2) * self.of_images
        known = [value for value in (by_images, self.of_seeds) if math.isfinite(value)]
        return max(known, default=math.nan)

    def describe(self) -> str:
        """The line on noise below a table."""
        one_seed = "one seed shows no spread (seeds: [0, 1, 2] would)"
        if math.isnan(self.apart):
            return f"noise: {one_seed}, so nobody knows how far apart two rows must be"
        reasons = []
        if math.isfinite(self.of_images):
            reasons.append(
                f"selection-val has {counted(self.num_images, 'image')} (± {self.of_images:.3f}, "
                "one standard error)"
            )
        if math.isfinite(self.of_seeds):
            over = counted(self.num_seeds, "seed")
            reasons.append(f"over {over} a difference is uncertain by ± {self.of_seeds:.3f}")
        elif self.num_seeds == 1:
            reasons.append(one_seed)
        return (
            f"noise: rows less than {self.apart:.3f} apart may differ by chance alone: "
            + ", and ".join(reasons)
        )


def noise_of(values_RS: Float[np.ndarray, "r s"], judge: Judge) -> Noise:
    """The noise of rows with one judge, each with every seed."""
    means_R = values_RS.mean(axis=1) if values_RS.size else np.array([math.nan])
    return Noise(
        of_images=_standard_error(float(means_R.max()), judge),
        of_seeds=_of_seeds(values_RS),
        num_images=judge.num_images,
        num_seeds=values_RS.shape[1],
    )


def _standard_error(value: float, judge: Judge) -> float:
    """Standard error of an accuracy or an AUC; NaN for a log-loss.

    If seeds have different images, the images of all seeds count. Two right and two wrong images
    are added (Agresti and Coull 1998), because no error in 16 images does not mean that there will
    never be one. For the AUC the upper bound of the variance by Van Dantzig 1951 is taken,
    A (1 - A) / min(m, n).
    """
    num = {"accuracy": judge.num_images, "auc": min(i.num_of_rarest for i in judge.images)}
    if judge.metric not in num:
        return math.nan
    num_sets = len({images.digest for images in judge.images})
    size = num[judge.metric] * num_sets + 4
    share = (value * (size - 4) + 2) / size
    return math.sqrt(share * (1 - share) / size)


def _of_seeds(values_RS: Float[np.ndarray, "r s"]) -> float:
    """`Noise.of_seeds` from the residuals after removing the means of rows and of seeds.

    The effect of a seed can be removed because every row has the same seeds.
    """
    num_rows, num_seeds = values_RS.shape
    if num_rows < 2 or num_seeds < 2:
        return math.nan
    seeds_1S, rows_R1 = values_RS.mean(axis=0, keepdims=True), values_RS.mean(axis=1, keepdims=True)
    rest_RS = values_RS - seeds_1S - rows_R1 + values_RS.mean()
    freedom = (num_rows - 1) * (num_seeds - 1)
    std = math.sqrt(float((rest_RS**2).sum()) / freedom)
    return float(stdtrit(freedom, 0.975)) * std * math.sqrt(2 / num_seeds)
