"""Layers against plain NumPy, and the blocks made of them against their sources."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, pad

from rlsel.generators.histogan.layers import (
    ConditionalBatchNorm2d,
    MinibatchStd,
    SelfAttention2d,
)
from rlsel.generators.histogan.networks import DownBlock, UpBlock


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def close(one: Tensor, other: Tensor | np.ndarray) -> None:
    torch.testing.assert_close(one, torch.as_tensor(other, dtype=one.dtype), rtol=1e-4, atol=1e-5)


def conditional_norm(num_channels: int = 5, condition_size: int = 3) -> ConditionalBatchNorm2d:
    norm = ConditionalBatchNorm2d(num_channels, condition_size)
    norm.scale_and_shift.weight.data = normal(2 * num_channels, condition_size, seed=1)
    return norm


def test_maps_are_normalised_over_the_batch_then_scaled_and_shifted_by_the_condition() -> None:
    norm, x_BCHW, condition_BD = (
        conditional_norm(),
        3 * normal(7, 5, 2, 3) + 2,
        normal(7, 3, seed=2),
    )

    with torch.no_grad():
        computed_BCHW = norm(x_BCHW, condition_BD)

    x = x_BCHW.numpy()
    weight = norm.scale_and_shift.weight.detach().numpy()
    for c in range(5):
        away = (x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + 1e-5)
        for b in range(7):
            scale = 1 + condition_BD[b].numpy() @ weight[c]
            shift = condition_BD[b].numpy() @ weight[5 + c]
            close(computed_BCHW[b, c], scale * away[b] + shift)


def test_a_condition_of_zero_neither_scales_nor_shifts() -> None:
    x_BCHW = normal(7, 5, 2, 3)

    close(conditional_norm()(x_BCHW, torch.zeros(7, 3)), nn.BatchNorm2d(5, affine=False)(x_BCHW))


def test_in_eval_mode_an_image_is_normalised_whatever_is_beside_it() -> None:
    norm, condition_BD = conditional_norm(), normal(7, 3, seed=2)
    norm(4 * normal(7, 5, 2, 3, seed=3) + 1, condition_BD)
    norm.eval()
    x_BCHW = normal(7, 5, 2, 3)

    together_BCHW = norm(x_BCHW, condition_BD)

    close(norm(x_BCHW[4:5], condition_BD[4:5]), together_BCHW[4:5])
    assert not torch.allclose(norm.train()(x_BCHW, condition_BD), together_BCHW, atol=0.1)


def test_statistics_are_of_full_precision_where_maps_are_not() -> None:
    norm = conditional_norm()
    # bf16 holds 8 bits: kept in it, a running mean near 100 would be off by up to a half.
    x_BCHW = (100 + normal(31, 5, 7, 7)).bfloat16()

    with torch.autocast("cpu", torch.bfloat16):
        norm(x_BCHW, normal(31, 3, seed=2))

    assert norm.norm.running_mean is not None
    assert norm.norm.running_mean.dtype == torch.float32
    torch.testing.assert_close(
        norm.norm.running_mean, 0.1 * x_BCHW.float().mean((0, 2, 3)), rtol=1e-5, atol=0
    )


def open_attention(num_channels: int = 16) -> SelfAttention2d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        attention = SelfAttention2d(num_channels)
    attention.gamma.data.fill_(0.7)
    return attention


def test_attention_starts_as_the_identity_and_learns_to_open() -> None:
    attention, x_BCHW = SelfAttention2d(16), normal(2, 16, 6, 4)

    attended_BCHW = attention(x_BCHW)
    (attended_BCHW * normal(2, 16, 6, 4, seed=1)).sum().backward()

    assert torch.equal(attended_BCHW, x_BCHW)
    assert attention.gamma.grad is not None
    assert attention.gamma.grad.abs() > 0


def test_attention_is_that_of_the_equations() -> None:
    attention, x_BCHW = open_attention(), normal(2, 16, 6, 4)

    with torch.no_grad():
        computed_BCHW = attention(x_BCHW)

    x = x_BCHW.numpy()
    query, key_value, combine = (
        conv.weight.detach().numpy()[:, :, 0, 0]
        for conv in (attention.query, attention.key_value, attention.combine)
    )
    for b in range(2):
        pooled = np.array(
            [
                (key_value @ x[b, :, i : i + 2, j : j + 2].reshape(16, 4)).max(1)
                for i in range(0, 6, 2)
                for j in range(0, 4, 2)
            ]
        )
        keys, values = pooled[:, :2], pooled[:, 2:]
        for i in range(6):
            for j in range(4):
                weights = np.exp(keys @ (query @ x[b, :, i, j]))
                attended = combine @ (weights / weights.sum() @ values)
                close(computed_BCHW[b, :, i, j], x[b, :, i, j] + 0.7 * attended)


@pytest.mark.parametrize("num_channels", [1, 3, 7])
def test_attention_takes_any_number_of_channels(num_channels: int) -> None:
    x_BCHW = normal(2, num_channels, 5, 7)

    assert open_attention(num_channels)(x_BCHW).shape == x_BCHW.shape


def minibatch_std_of(x: np.ndarray) -> np.ndarray:
    """(b,) by the definition; image i is in group i mod G."""
    num_groups = max(1, len(x) // 4)
    std_B = np.empty(len(x))
    for group in range(num_groups):
        members = x[group::num_groups].reshape(len(x[group::num_groups]), -1)
        std_B[group::num_groups] = np.sqrt(members.var(0) + 1e-8).mean()
    return std_B


@given(batch=st.integers(1, 23), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_minibatch_std_is_that_of_its_definition_for_any_batch(batch: int, seed: int) -> None:
    x_BCHW = normal(batch, 3, 2, 5, seed=seed)

    appended_BCHW = MinibatchStd()(x_BCHW)

    assert torch.equal(appended_BCHW[:, :3], x_BCHW)
    expected_B = torch.as_tensor(minibatch_std_of(x_BCHW.numpy()), dtype=torch.float32)
    close(appended_BCHW[:, 3], expected_B[:, None, None].expand(-1, 2, 5))


def test_groups_of_a_batch_that_four_divides_are_those_of_stylegan2() -> None:
    x_BCHW = normal(12, 3, 2, 5)

    x_GNP = x_BCHW.view(4, 3, -1)
    std_N = (x_GNP.var(0, unbiased=False) + 1e-8).sqrt().mean(1)

    close(MinibatchStd()(x_BCHW)[:, 3, 0, 0], std_N.repeat(4))


def test_images_that_are_all_alike_have_no_std_and_finite_gradients() -> None:
    x_BCHW = normal(1, 3, 2, 5).repeat(7, 1, 1, 1).requires_grad_()

    std_BHW = MinibatchStd()(x_BCHW)[:, 3]
    std_BHW.sum().backward()

    assert std_BHW.max() < 1e-3
    assert x_BCHW.grad is not None
    assert x_BCHW.grad.isfinite().all()


def test_minibatch_std_is_of_full_precision_under_autocast() -> None:
    x_BCHW = normal(12, 3, 2, 5)

    with torch.autocast("cpu", torch.bfloat16):
        appended_BCHW = MinibatchStd()(x_BCHW)

    assert torch.equal(appended_BCHW, MinibatchStd()(x_BCHW))


def convolved(conv: nn.Conv2d, x_BCHW: Tensor) -> Tensor:
    return conv2d(x_BCHW, conv.weight, conv.bias, padding="same")


def mirrored(conv: nn.Conv2d, x_BCHW: Tensor) -> Tensor:
    return conv2d(pad(x_BCHW, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias)


@pytest.mark.parametrize("halves", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_down_block_is_that_of_the_source(halves: bool, is_first: bool) -> None:
    block, x_BCHW = DownBlock(5, 7, halves=halves, is_first=is_first), normal(2, 5, 6, 4)

    # Miyato et al. 2018, figure 8: both branches are convolved, then pooled.
    h_BCHW = x_BCHW if is_first else x_BCHW.clamp(min=0)
    h_BCHW = convolved(block.conv2, convolved(block.conv1, h_BCHW).clamp(min=0))
    expected_BCHW = h_BCHW + convolved(block.skip, x_BCHW)
    if halves:
        expected_BCHW = avg_pool2d(expected_BCHW, 2)
    torch.testing.assert_close(block(x_BCHW), expected_BCHW, rtol=1e-4, atol=1e-5)


def test_an_up_block_is_that_of_the_source() -> None:
    block, x_BCHW, condition_BD = UpBlock(5, 7, 3), normal(2, 5, 3, 4), normal(2, 3, seed=1)

    # Brock et al. 2019, figure 15: both branches are doubled, then convolved.
    h_BCHW, skip_BCHW = (
        y_BCHW.repeat_interleave(2, 2).repeat_interleave(2, 3)
        for y_BCHW in (block.norm1(x_BCHW, condition_BD).clamp(min=0), x_BCHW)
    )
    h_BCHW = block.norm2(mirrored(block.conv1, h_BCHW), condition_BD).clamp(min=0)
    expected_BCHW = mirrored(block.conv2, h_BCHW) + convolved(block.skip, skip_BCHW)
    torch.testing.assert_close(block(x_BCHW, condition_BD), expected_BCHW, rtol=1e-4, atol=1e-5)
