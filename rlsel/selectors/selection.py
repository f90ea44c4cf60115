"""`Selection`: what a method keeps."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Selection:
    """The candidates that a method keeps."""

    method: str
    masks_RN: Bool[np.ndarray, "r n"]
    """A mask for each round of the evaluation, or one mask for all rounds."""
    score_N: Float[np.ndarray, " n"] | None = None
    """Scores by which the method ranks candidates, the best highest. The controller's are keep
    probabilities. None if it does not rank."""

    @property
    def kept_N(self) -> Bool[np.ndarray, " n"]:
        """The mask of the first round."""
        return self.masks_RN[0]

    @property
    def num_kept(self) -> int:
        return int(self.kept_N.sum())

    def mask_of_round(self, number: int) -> Bool[np.ndarray, " n"]:
        return self.masks_RN[number % len(self.masks_RN)]
