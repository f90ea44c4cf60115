"""Which images a training sees, and when."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.plan import draw_plan


@given(num=st.integers(2, 200), batch_size=st.integers(2, 70), epochs=st.integers(1, 12))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_image_is_seen_once_an_epoch_in_steps_of_one_size(
    num: int, batch_size: int, epochs: int
) -> None:
    config = ClassifierConfig(epochs=epochs, batch_size=batch_size)
    plan = draw_plan(config, torch.arange(100, 100 + num), 321, seed=0)

    size = min(batch_size, num)
    assert plan.rows_SB.shape == (plan.epoch_ends[-1], size)
    assert plan.draws_SBK.shape == (plan.epoch_ends[-1], size, 2)
    seen_N = torch.bincount(plan.rows_SB.flatten() - 100, minlength=num)
    assert len(seen_N) == num
    assert seen_N.max() - seen_N.min() <= 1
    # The last step ends within half a step of the last pass.
    assert abs(plan.rows_SB.numel() - epochs * num) <= size / 2
    steps = [len(list(plan.epoch(epoch))) for epoch in range(epochs)]
    assert sum(steps) == plan.epoch_ends[-1]
    assert min(steps) >= 1
    assert max(steps) - min(steps) <= 1


def test_the_seed_decides_order_and_augmentation_and_the_order_of_rows_nothing() -> None:
    config = ClassifierConfig(epochs=3, batch_size=8)
    rows_N = torch.arange(37)

    once, again, other = (
        draw_plan(config, rows, 40, seed)
        for rows, seed in ((rows_N, 3), (rows_N.flip(0), 3), (rows_N, 4))
    )

    assert torch.equal(once.rows_SB, again.rows_SB)
    assert torch.equal(once.draws_SBK, again.draws_SBK)
    assert not torch.equal(once.rows_SB, other.rows_SB)
    assert not torch.equal(once.draws_SBK, other.draws_SBK)


@pytest.mark.parametrize("num", [4, 1000])
def test_the_highest_rate_is_that_of_the_config_and_comes_after_30_percent(num: int) -> None:
    config = ClassifierConfig(epochs=1, batch_size=4, lr=0.5)

    rates = draw_plan(config, torch.arange(num), num, seed=0).lr_S

    assert len(rates) == num // 4
    if num > 4:
        assert max(rates) == pytest.approx(0.5, rel=0.01)
        assert rates.index(max(rates)) / len(rates) == pytest.approx(0.3, abs=0.01)
        assert rates[-1] < 0.01


def test_a_single_image_cannot_be_trained_on() -> None:
    with pytest.raises(ValueError, match="two images at least, not 1"):
        draw_plan(ClassifierConfig(), torch.arange(1), 9, seed=0)


def test_two_sets_share_order_and_augmentation_of_what_they_share() -> None:
    config = ClassifierConfig(epochs=3, batch_size=7)
    sets = [torch.arange(0, 42), torch.arange(21, 63)]

    plans = [draw_plan(config, rows_N, 70, seed=3) for rows_N in sets]

    shared = []
    for plan in plans:
        rows, draws = plan.rows_SB.flatten(), plan.draws_SBK.flatten(0, 1)
        both = (rows >= 21) & (rows < 42)
        shared.append((rows[both], draws[both]))
    assert len(shared[0][0]) == 3 * 21
    assert torch.equal(shared[0][0], shared[1][0])
    assert torch.equal(shared[0][1], shared[1][1])
    assert shared[0][0].unique().numel() == 21
    # Each pass is shuffled anew.
    assert not torch.equal(shared[0][0][:21], shared[0][0][21:42])
