"""`Selection`: the answer of one method."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Selection:
    """Which candidates a method keeps."""

    method: str
    masks_RN: Bool[np.ndarray, "r n"]
    """One mask per round of the evaluation, or a single one that serves every round."""
    score_N: Float[np.ndarray, " n"] | None = None
    """What the method ranks by, higher means rather keep; the controller's keep probability."""

    @property
    def kept_N(self) -> Bool[np.ndarray, " n"]:
        """The mask of the first round."""
        return self.masks_RN[0]

    @property
    def num_kept(self) -> int:
        return int(self.kept_N.sum())

    def mask_of_round(self, number: int) -> Bool[np.ndarray, " n"]:
        return self.masks_RN[number % len(self.masks_RN)]
