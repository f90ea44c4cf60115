"""Features of a frozen network: of all images but those of test, with logits of a logistic head."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_features import small_pool, small_splits
from torch import Tensor, nn

from rlsel.data.image_set import ImageSet, as_images
from rlsel.errors import InputError
from rlsel.features import Features, FeaturesConfig, extract_features, extraction
from rlsel.features.extractors import frozen
from rlsel.features.extractors.config import TorchvisionExtractor
from rlsel.features.extractors.network import FrozenNetwork
from rlsel.heads import head_logits
from rlsel.machine.cache.kept import kept
from rlsel.machine.device_memory import DeviceFullError

CPU = torch.device("cpu")
CONFIG = TorchvisionExtractor(model="resnet18", weights="random", size_px=32)


class Colours(nn.Module):
    """The mean of each channel, from as many images at once as there is memory for."""

    def __init__(self, room: int = 10_000) -> None:
        super().__init__()
        self.room, self.sizes = room, list[int]()

    def forward(self, x_NCHW: Tensor) -> Tensor:
        if len(x_NCHW) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(x_NCHW))
        return x_NCHW.mean(dim=(2, 3))


def colours(room: int = 10_000, size_px: int = 8) -> tuple[FrozenNetwork, Colours]:
    model = Colours(room)
    return FrozenNetwork("colours", model, size_px, (0.0,) * 3, (1.0,) * 3), model


@pytest.fixture
def by_colours(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Networks that would have been built; they see colours alone."""
    built: list[int] = []

    def network(config: object, seed: int) -> FrozenNetwork:
        built.append(seed)
        return colours()[0]

    monkeypatch.setattr(frozen, "torchvision_network", network)
    return built


def features_of(candidates: ImageSet, seed: int = 0) -> Features:
    pool = replace(small_pool(), candidates=candidates)
    return extract_features(FeaturesConfig(extractor=CONFIG), small_splits(), pool, seed).features


def test_every_split_but_test_gets_features_and_candidates_logits(by_colours: list[int]) -> None:
    splits = small_splits()

    features = features_of(as_images(small_pool().candidates))

    assert {name: array.shape for name, array in features.arrays.items()} == {
        "train": (29, 3),
        "candidates": (41, 3),
        "reward_val": (17, 3),
        "selection_val": (13, 3),
        "candidate_logits": (41, 3),
    }
    assert features.reward_val == pytest.approx(
        splits.reward_val.images.mean(axis=(1, 2)) / 255, abs=0.02
    )
    assert np.array_equal(
        features.candidate_logits,
        head_logits(features.train, splits.train.labels, features.candidates, 3),
    )


def test_a_network_that_makes_no_numbers_of_an_image_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, model = colours()
    monkeypatch.setattr(frozen, "torchvision_network", lambda config, seed: network)
    monkeypatch.setattr(model, "forward", lambda x_NCHW: x_NCHW.mean(dim=(2, 3)) * torch.nan)

    with pytest.raises(InputError) as caught:
        features_of(as_images(small_pool().candidates))

    assert str(caught.value) == (
        f"features.extractor: colours makes a feature of image {small_splits().train.ids[0]} that "
        "holds NaN; take other weights"
    )


def test_candidates_move_no_feature_and_no_logit_of_another(by_colours: list[int]) -> None:
    candidates = as_images(small_pool().candidates)

    whole, half = features_of(candidates), features_of(candidates.take(np.arange(20)))

    assert np.array_equal(half.candidates, whole.candidates[:20])
    assert half.candidate_logits == pytest.approx(whole.candidate_logits[:20], abs=1e-6)


def test_where_memory_is_short_fewer_images_are_looked_at_together() -> None:
    images = np.random.default_rng(0).integers(0, 256, (600, 8, 8, 3), np.uint8)
    (short, model), counted = colours(room=130), list[int]()

    features_NF = short.features_of(images, CPU, counted.append)

    assert np.array_equal(features_NF, colours()[0].features_of(images, CPU))
    assert model.sizes == [128, 128, 128, 128, 88]
    assert counted == model.sizes


def test_without_memory_for_one_image_it_is_said_what_helps() -> None:
    with pytest.raises(DeviceFullError, match="colours on images of 1792 x 1792 px; lower feat"):
        colours(room=0, size_px=1792)[0].features_of(np.zeros((1, 8, 8, 3), np.uint8), CPU)


def test_large_images_go_through_in_smaller_groups() -> None:
    network, model = colours(size_px=448)

    network.features_of(np.zeros((40, 4, 4, 3), np.uint8), CPU)

    assert model.sizes == [16, 16, 8]


def test_runs_share_frozen_features_whatever_their_seed_and_notice_other_weights(
    by_colours: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    weights = tmp_path / "weights.pt"

    def made(seed: int, content: bytes, config: TorchvisionExtractor | None = None) -> int:
        weights.write_bytes(content)
        given = config or replace(CONFIG, weights=str(weights))
        features = FeaturesConfig(extractor=given)
        kept(extraction(features, small_splits(), small_pool(), seed), tmp_path / f"run{seed}")
        return len(by_colours)

    assert made(0, b"one") == 1
    assert made(0, b"one") == 1
    assert made(1, b"one") == 1
    assert made(1, b"other") == 2
    assert made(0, b"one", CONFIG) == 3
    assert made(2, b"one", CONFIG) == 4, "random weights differ from seed to seed"
