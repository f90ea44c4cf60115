"""Features are what the last linear layer is handed."""

import pytest
import torch
from small_features import image_set, small_pool, small_splits

from rlsel.classifier import Resident, extract_features, predict
from rlsel.classifier.resnet import build_resnet34
from rlsel.features.extract import extract

CPU = torch.device("cpu")


def test_the_head_makes_the_logits_of_the_features() -> None:
    model = build_resnet34(3, seed=0)
    images = image_set(7, seed=0)
    resident = Resident.put(images.images, images.labels, CPU)

    features_NF, logits_NC = extract_features(model, resident)

    assert features_NF.shape == (7, 512)
    assert features_NF.std() > 0
    torch.testing.assert_close(logits_NC, predict(model, resident, "fp32"))
    with torch.no_grad():
        by_hand_NC = features_NF @ model.fc.weight.T + model.fc.bias
    torch.testing.assert_close(by_hand_NC, logits_NC)


def test_every_split_but_test_gets_its_features() -> None:
    splits, pool = small_splits(), small_pool()
    model = build_resnet34(3, seed=0)

    features = extract(
        model,
        CPU,
        train=splits.train,
        candidates=pool.candidates,
        reward_val=splits.reward_val,
        selection_val=splits.selection_val,
    )

    assert {name: array.shape for name, array in features.arrays.items()} == {
        "train": (29, 512),
        "candidates": (41, 512),
        "reward_val": (17, 512),
        "selection_val": (13, 512),
        "candidate_logits": (41, 3),
    }
    resident = Resident.put(splits.reward_val.images, splits.reward_val.labels, CPU)
    assert features.reward_val == pytest.approx(extract_features(model, resident)[0].numpy())
