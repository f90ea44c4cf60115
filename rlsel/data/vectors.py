"""Vectors that can be computed with: finite numbers whose squares fit into float32.

Shape letters: N vectors, F numbers of each.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

LARGEST = 1e15
"""Largest number of a vector, positive or negative. Squares of it can be summed over 300 million
numbers before float32 overflows, as distances and variances need it."""


@dataclass(frozen=True)
class Unusable:
    """Vectors that cannot be computed with."""

    rows: np.ndarray
    """Their indices, in order; at least one."""
    said: str
    """What the first of them holds."""


def find_unusable(values_NF: Shaped[np.ndarray, "n f"]) -> Unusable | None:
    """The vectors with NaN, infinity or a number above `LARGEST`; None if there are none.

    Args:
        values_NF: Numbers of any type, as they were given: a cast to float32 would turn large
            numbers into infinity.
    """
    if values_NF.dtype.itemsize < 4:  # float16 cannot be compared with `LARGEST`
        values_NF = values_NF.astype(np.float32)
    # NaN is neither above nor below anything, so it is not usable either.
    is_usable_NF = (values_NF >= -LARGEST) & (values_NF <= LARGEST)
    rows = np.flatnonzero(~is_usable_NF.all(axis=1))
    if not len(rows):
        return None
    first = values_NF[rows[0]][~is_usable_NF[rows[0]]][0]
    if np.isnan(first):
        said = "NaN"
    elif np.isinf(first):
        said = "infinity"
    else:
        said = f"{first:.3g}, and {LARGEST:.0e} is the largest number that can be computed with"
    return Unusable(rows, said)
