"""The MLP learns, and one seed gives one result whatever is trained beside it."""

import numpy as np
import pytest
import torch
from small_embeddings import vectors

from rlsel.classifier import ClassifierConfig, recipe_of
from rlsel.classifier.mlp import MLPConfig, MLPTrainer
from rlsel.metrics import accuracy

CPU = torch.device("cpu")
CONFIG = MLPConfig(epochs=7, num_validated_epochs=3, batch_size=8)
VALIDATION_NF, VALIDATION_LABELS_N = vectors(53, seed=5)


def trainer(config: MLPConfig = CONFIG, num: int = 41) -> MLPTrainer:
    x_NF, labels_N = vectors(num)
    return MLPTrainer(config, x_NF, labels_N, 2, CPU)


def test_it_tells_classes_apart_that_lie_apart() -> None:
    (logits,) = trainer().logits(torch.arange(41), 0, [VALIDATION_NF])

    assert len(logits) == 3
    assert accuracy(logits[-1], VALIDATION_LABELS_N) > 0.9


def test_the_same_rows_and_seed_give_the_same_logits_to_the_bit() -> None:
    made = trainer()
    (first,) = made.logits(torch.arange(30), 1, [VALIDATION_NF])
    made.logits(torch.arange(41), 2, [VALIDATION_NF])
    (again,) = made.logits(torch.arange(30), 1, [VALIDATION_NF])

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_another_seed_gives_other_logits() -> None:
    one, other = (trainer().logits(torch.arange(41), seed, [VALIDATION_NF]) for seed in (1, 2))

    assert not np.array_equal(one[0][-1], other[0][-1])


def test_rows_that_are_not_used_change_nothing() -> None:
    x_NF, labels_N = vectors(41)
    spoilt_NF = x_NF.copy()
    spoilt_NF[30:] = 1e6
    one, other = (
        MLPTrainer(CONFIG, values, labels_N, 2, CPU).logits(torch.arange(30), 0, [VALIDATION_NF])
        for values in (x_NF, spoilt_NF)
    )

    assert np.array_equal(one[0][-1], other[0][-1])


def test_constant_numbers_and_any_scale_do_no_harm() -> None:
    x_NF, labels_N = vectors(41)
    scale_F = np.logspace(-3, 3, x_NF.shape[1]).astype(np.float32)
    constant_N1 = np.full((41, 1), 7.0, np.float32)
    scaled_NF = np.concatenate((x_NF * scale_F, constant_N1), axis=1)
    seen_NF = np.concatenate((VALIDATION_NF * scale_F, np.full((53, 1), 7.0, np.float32)), axis=1)

    (logits,) = MLPTrainer(CONFIG, scaled_NF, labels_N, 2, CPU).logits(
        torch.arange(41), 0, [seen_NF]
    )

    assert accuracy(logits[-1], VALIDATION_LABELS_N) > 0.9


@pytest.mark.parametrize("changed", [{"epochs": 8}, {"hidden_size": 64}, {"lr": 0.01}])
def test_what_changes_a_training_changes_its_recipe(changed: dict) -> None:
    assert recipe_of(MLPConfig(**changed)) != recipe_of(MLPConfig())
    assert recipe_of(MLPConfig()) != recipe_of(ClassifierConfig())
