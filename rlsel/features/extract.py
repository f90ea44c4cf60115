"""Penultimate features of every image a reward may use.

Shape letters in this package: N candidates, M reference images, F size of a feature, C classes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from rlsel.classifier import Resident, extract_features
from rlsel.data.image_set import ImageSet


@dataclass(frozen=True)
class Features:
    """Features by split, float32, as the extractor gives them (not normalised)."""

    train: Float[np.ndarray, "t f"]
    candidates: Float[np.ndarray, "n f"]
    reward_val: Float[np.ndarray, "r f"]
    selection_val: Float[np.ndarray, "s f"]
    candidate_logits: Float[np.ndarray, "n c"]
    """What the extractor itself says of the candidates."""


def extract(
    model: nn.Module,
    device: torch.device,
    *,
    train: ImageSet,
    candidates: ImageSet,
    reward_val: ImageSet,
    selection_val: ImageSet,
) -> Features:
    """Run every image through `model`. Test images are not among them: no reward may see them."""

    def run(images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
        resident = Resident.put(images.images, images.labels, device)
        features_NF, logits_NC = extract_features(model, resident)
        return features_NF.cpu().numpy(), logits_NC.cpu().numpy()

    candidate_features_NF, candidate_logits_NC = run(candidates)
    return Features(
        train=run(train)[0],
        candidates=candidate_features_NF,
        reward_val=run(reward_val)[0],
        selection_val=run(selection_val)[0],
        candidate_logits=candidate_logits_NC,
    )
