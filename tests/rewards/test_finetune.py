"""The last stages of an extractor, trained on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from small_workbench import (
    NUM_CANDIDATES,
    Parts,
    none,
    right,
    small_parts,
    with_few_to_validate,
)

from benchmarks.gpu.balloon import TensorsUpTo
from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.resnet import build_resnet34, split_at
from rlsel.errors import InputError
from rlsel.machine.device_memory import DeviceFullError
from rlsel.rewards import FinetuneConfig, Job, RewardConfig, Workbench

pytestmark = pytest.mark.slow


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    return crop_kernels(build_resnet34(2, seed), (32, 32)).state_dict()


def parts(**changed: Any) -> Parts:
    made = replace(small_parts(), extractor=weights())
    return replace(made, **{"reward": RewardConfig(finetune=FinetuneConfig(epochs=1)), **changed})


def bench(**changed: Any) -> Workbench:
    return with_few_to_validate(parts(**changed).bench())


def scores(bench: Workbench, kept_N: np.ndarray, **changed: Any) -> dict[str, list[float]]:
    job = Job(kept_N, "finetune", seed=5, split="reward_val")
    return bench.evaluate(replace(job, **changed)).scores


@pytest.mark.parametrize("stage", ["layer1", "layer2", "layer3", "layer4"])
def test_the_two_parts_of_a_network_are_the_network(stage: str) -> None:
    model = build_resnet34(3, seed=0).eval()
    images_NCHW = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))

    trunk, tail = split_at(model, stage)

    with torch.no_grad():
        assert torch.equal(tail(trunk(images_NCHW)), model(images_NCHW))
    assert not any(name.startswith(stage) for name, _ in trunk.named_parameters())
    assert next(iter(tail.named_parameters()))[0].startswith(stage)


def test_feature_maps_that_do_not_fit_are_not_put_down_to_the_batch_size() -> None:
    made = bench()
    finetuner, images = made.trainings.finetuner, made.trainings.images
    maps = NUM_CANDIDATES * 256 * 2 * 2 * 4  # layer4's inputs at 32 px, without train's

    with (
        TensorsUpTo(maps),
        pytest.raises(
            DeviceFullError,
            match=r"feature maps of 78 images before layer4.*later reward\.finetune\.first_stage",
        ),
    ):
        finetuner.maps_of(images)


def test_every_training_starts_from_the_same_weights() -> None:
    made = bench()

    first = scores(made, right())
    scores(made, ~none())

    assert scores(made, right()) == first
    assert scores(bench(), right()) == first
    assert {len(values) for values in first.values()} == {1}


@pytest.mark.parametrize(
    "changed",
    [
        {"extractor": weights(seed=1)},
        {"reward": RewardConfig(finetune=FinetuneConfig(epochs=2))},
        {"reward": RewardConfig(finetune=FinetuneConfig(epochs=1, first_stage="layer3"))},
        {"reward": RewardConfig(finetune=FinetuneConfig(epochs=1, lr=0.01))},
    ],
)
def test_the_start_and_the_settings_matter(changed: dict[str, Any]) -> None:
    assert scores(bench(**changed), right()) != scores(bench(), right())


def test_what_is_kept_and_the_seed_matter() -> None:
    made = bench()

    assert scores(made, right()) != scores(made, none())
    assert scores(made, right()) != scores(made, right(), seed=6)
    assert scores(made, right()) != scores(made, right(), split="selection_val")


def test_trainings_together_are_those_alone() -> None:
    made = bench()
    jobs = [
        Job(kept_N, "finetune", seed, "reward_val")
        for kept_N in (none(), right())
        for seed in (1, 2)
    ]

    together = made.evaluate_many(jobs)

    assert [one.scores for one in together] == [made.evaluate(job).scores for job in jobs]
    assert [one.num_train for one in together] == [17, 17, 17 + right().sum(), 17 + right().sum()]


def test_without_an_extractor_it_says_so() -> None:
    with pytest.raises(InputError, match="starts from the extractor's weights"):
        scores(bench(extractor={}), none())


def test_settings_and_extractor_are_part_of_the_key() -> None:
    made = parts()
    job = Job(np.arange(NUM_CANDIDATES) < 3, "finetune", seed=5, split="reward_val")
    reward = RewardConfig(finetune=FinetuneConfig(epochs=2))
    classifier = replace(made.classifier, batch_size=17)
    features = replace(made.features, train=made.features.train + 1)

    keys = {
        bench().keys(job),
        bench().keys(replace(job, seed=6)),
        bench().keys(replace(job, fidelity="full")),
        bench(reward=reward).keys(job),
        bench(classifier=classifier).keys(job),
        bench(features=features).keys(job),
    }

    assert len(keys) == 6
