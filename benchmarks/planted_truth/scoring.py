"""What a selection is worth to a probe, on validation and on test.

Shape letters: M masks, N candidates, V images of a split.
"""

import numpy as np
import torch

from rlsel import metrics
from rlsel.heads import HeadFeatures, LogisticHeads
from rlsel.rewards import ProbeConfig

from .beds import Bed
from .material import material

AT_ONCE = 64


def probe_scores(bed: Bed, masks_MN: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy and AUC of the head on real + kept: reward-val, selection-val and test."""
    config, given = ProbeConfig(), material(bed.config.source)
    both = np.concatenate((bed.features.train, bed.features.candidates))
    features = HeadFeatures(config.num_components, both)
    labels_N = np.concatenate((bed.real.labels, bed.candidates.labels))
    heads = LogisticHeads(
        torch.from_numpy(features.training_NP),
        torch.from_numpy(labels_N),
        bed.real.num_classes,
        config.l2,
    )
    used_MN = np.column_stack((np.ones((len(masks_MN), len(bed.real)), bool), masks_MN))
    weights = [
        heads.fit(torch.from_numpy(used_MN[start : start + AT_ONCE]))
        for start in range(0, len(used_MN), AT_ONCE)
    ]
    weights_MPC = torch.cat(weights).numpy()
    splits = {
        "reward_val": (bed.features.reward_val, given.reward_val.labels),
        "selection_val": (bed.features.selection_val, given.selection_val.labels),
        "test": (bed.test_features, given.test.labels),
    }
    found: dict[str, np.ndarray] = {}
    for split, (features_VF, labels_V) in splits.items():
        x_VP = features.project(features_VF)
        logits = [x_VP @ weights_PC for weights_PC in weights_MPC]
        found[f"{split}_accuracy"] = np.array([metrics.accuracy(one, labels_V) for one in logits])
        found[f"{split}_auc"] = np.array([metrics.auc(one, labels_V) for one in logits])
    return found
