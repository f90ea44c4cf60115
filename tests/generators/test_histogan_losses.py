"""Both games: what they are worth, and where they push."""

import math

import pytest
import torch
from torch import Tensor

from rlsel.generators.histogan.config import Loss
from rlsel.generators.histogan.losses import discriminator_loss, generator_loss

REAL_R = torch.tensor([-1.7, 0.3, 0.9, 1.0, 2.3])
GENERATED_G = torch.tensor([-3.1, -1.0, 0.2])
KINDS: tuple[Loss, ...] = ("hinge", "non_saturating")


def gradients(loss: Tensor, *scores: Tensor) -> list[list[float]]:
    return [grad.tolist() for grad in torch.autograd.grad(loss, scores)]


def test_the_hinge_loss_is_that_of_its_equation() -> None:
    # max(0, 1 - real) and max(0, 1 + generated), each averaged.
    expected = (2.7 + 0.7 + 0.1 + 0 + 0) / 5 + (0 + 0 + 1.2) / 3

    assert float(discriminator_loss("hinge", REAL_R, GENERATED_G)) == pytest.approx(expected)
    assert float(generator_loss("hinge", GENERATED_G)) == pytest.approx(3.9 / 3)


def test_the_non_saturating_loss_is_a_cross_entropy() -> None:
    def surprise(score: float) -> float:
        return -math.log(1 / (1 + math.exp(-score)))

    real = sum(surprise(score) for score in REAL_R.tolist()) / 5
    generated = sum(surprise(-score) for score in GENERATED_G.tolist()) / 3
    fooled = sum(surprise(score) for score in GENERATED_G.tolist()) / 3

    computed = discriminator_loss("non_saturating", REAL_R, GENERATED_G)
    assert float(computed) == pytest.approx(real + generated)
    assert float(generator_loss("non_saturating", GENERATED_G)) == pytest.approx(fooled)


@pytest.mark.parametrize(
    ("kind", "undecided"), [("hinge", 2.0), ("non_saturating", 2 * math.log(2))]
)
def test_a_discriminator_that_says_zero_of_all_pays_what_theory_has_it_pay(
    kind: Loss, undecided: float
) -> None:
    scores = torch.zeros(7), torch.zeros(11)

    assert float(discriminator_loss(kind, *scores)) == pytest.approx(undecided)


@pytest.mark.parametrize("kind", KINDS)
def test_the_two_sides_push_generated_scores_in_opposite_directions(kind: Loss) -> None:
    real_R, generated_G = torch.zeros(5, requires_grad=True), torch.zeros(3, requires_grad=True)

    of_real, of_generated = gradients(
        discriminator_loss(kind, real_R, generated_G), real_R, generated_G
    )
    (of_generator,) = gradients(generator_loss(kind, generated_G), generated_G)

    assert max(of_real) < 0 < min(of_generated)
    assert max(of_generator) < 0


def test_hinge_asks_no_more_of_scores_beyond_the_margin() -> None:
    real_R, generated_G = (x.clone().requires_grad_() for x in (REAL_R, GENERATED_G))

    of_real, of_generated = gradients(
        discriminator_loss("hinge", real_R, generated_G), real_R, generated_G
    )

    assert [grad != 0 for grad in of_real] == [True, True, True, False, False]
    assert [grad != 0 for grad in of_generated] == [False, False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_that_is_found_out_for_sure_still_learns(kind: Loss) -> None:
    generated_G = torch.full((3,), -50.0, requires_grad=True)

    (of_generator,) = gradients(generator_loss(kind, generated_G), generated_G)

    assert of_generator == pytest.approx([-1 / 3] * 3)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_stay_finite_for_the_most_certain_scores(kind: Loss) -> None:
    sure_R, sure_G = torch.full((2,), -1e4), torch.full((2,), 1e4)

    assert discriminator_loss(kind, sure_R, sure_G).isfinite()
    assert generator_loss(kind, sure_R).isfinite()
