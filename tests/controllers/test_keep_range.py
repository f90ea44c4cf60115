"""The expected share of each class lies in its range, by the smallest change there is.

Shape letters: B decisions, K candidates per decision, C classes.
"""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from small_controllers import controller, observation
from torch import Tensor

from rlsel.controllers.keep_range import KeepRange

C = 3
ranges = st.lists(
    st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)).map(sorted),
    min_size=C,
    max_size=C,
)
few = settings(max_examples=100, deadline=None, derandomize=True)


def keep_range(bounds: Any, dtype: torch.dtype = torch.float32) -> KeepRange:
    return KeepRange(*torch.tensor(bounds, dtype=dtype).unbind(1))


def batch(seed: int, scale: float, places: int = 11) -> tuple[Tensor, Tensor, Tensor]:
    """Keep logits, labels and what is valid; classes may be absent."""
    generator = torch.Generator().manual_seed(seed)
    keep_BK = scale * (2 * torch.rand((2, places), generator=generator) - 1)
    labels_BK = torch.randint(C, (2, places), generator=generator)
    return keep_BK, labels_BK, torch.rand((2, places), generator=generator) < 0.8


def shares(keep_BK: Tensor, labels_BK: Tensor, valid_BK: Tensor) -> np.ndarray:
    """Expected share kept of each class in each decision, NaN where a class is absent."""
    share_BC = np.full((len(keep_BK), C), np.nan)
    for b, c in np.ndindex(*share_BC.shape):
        members = [k for k in range(keep_BK.shape[1]) if valid_BK[b, k] and labels_BK[b, k] == c]
        if members:
            share_BC[b, c] = np.mean(
                1 / (1 + np.exp(-keep_BK[b, members].detach().double().numpy()))
            )
    return share_BC


@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.1, 3.0, 30.0]), bounds=ranges)
@few
def test_the_expected_share_of_every_class_lies_in_its_range(
    seed: int, scale: float, bounds: list[tuple[float, float]]
) -> None:
    keep_BK, labels_BK, valid_BK = batch(seed, scale)

    shifted_BK = keep_range(bounds)(keep_BK, labels_BK, valid_BK)

    share_BC = shares(shifted_BK, labels_BK, valid_BK)
    low_C, high_C = np.transpose(bounds)
    present_BC = ~np.isnan(share_BC)
    assert torch.isfinite(shifted_BK).all()
    assert ((share_BC > low_C - 1e-4) | ~present_BC).all()
    assert ((share_BC < high_C + 1e-4) | ~present_BC).all()


@pytest.mark.parametrize("logit", [-30.0, 30.0])
@pytest.mark.parametrize("share", [0.001, 0.25, 0.999])
def test_a_controller_that_is_sure_is_brought_into_the_range_too(
    logit: float, share: float
) -> None:
    keep_BK, labels_BK = torch.full((1, 7), logit), torch.zeros((1, 7), dtype=torch.int64)
    valid_BK = torch.ones((1, 7), dtype=torch.bool)

    shifted_BK = keep_range([(share, share)] * C)(keep_BK, labels_BK, valid_BK)

    assert torch.sigmoid(shifted_BK)[0].tolist() == pytest.approx([share] * 7, abs=1e-4)


@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.1, 3.0, 30.0]))
@few
def test_inside_the_range_nothing_changes_to_the_last_bit(seed: int, scale: float) -> None:
    keep_BK, labels_BK, valid_BK = batch(seed, scale)
    share_BC = shares(keep_BK, labels_BK, valid_BK)
    low_C, high_C = np.nanmin(share_BC, axis=0) - 1e-3, np.nanmax(share_BC, axis=0) + 1e-3
    bounds = np.nan_to_num(np.stack((low_C, high_C), axis=1)).clip(0, 1)

    assert torch.equal(keep_range(bounds)(keep_BK, labels_BK, valid_BK), keep_BK)


@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.1, 3.0, 30.0]))
@few
def test_a_range_of_everything_changes_nothing(seed: int, scale: float) -> None:
    keep_BK, labels_BK, valid_BK = batch(seed, scale)

    assert torch.equal(keep_range([(0, 1)] * C)(keep_BK, labels_BK, valid_BK), keep_BK)


@given(seed=st.integers(0, 2**31), bounds=ranges)
@few
def test_the_logits_of_a_class_are_all_shifted_alike(
    seed: int, bounds: list[tuple[float, float]]
) -> None:
    keep_BK, labels_BK, valid_BK = batch(seed, 3.0)

    shift_BK = keep_range(bounds)(keep_BK, labels_BK, valid_BK) - keep_BK

    for b, c in np.ndindex(2, C):
        of_class_K = shift_BK[b, (labels_BK[b] == c) & valid_BK[b]]
        assert of_class_K.tolist() == pytest.approx(
            [float(of_class_K[:1].sum())] * len(of_class_K), abs=1e-5
        )
    assert not shift_BK[~valid_BK].any()


@given(seed=st.integers(0, 2**31), bounds=ranges)
@few
def test_padding_has_no_say_in_the_share(seed: int, bounds: list[tuple[float, float]]) -> None:
    keep_BK, labels_BK, valid_BK = batch(seed, 3.0)
    other_BK = keep_BK.masked_fill(~valid_BK, 17.0)
    other_labels_BK = labels_BK.masked_fill(~valid_BK, 2)

    one_BK = keep_range(bounds)(keep_BK, labels_BK, valid_BK)
    other_BK = keep_range(bounds)(other_BK, other_labels_BK, valid_BK)

    assert torch.equal(one_BK[valid_BK], other_BK[valid_BK])


def test_a_class_that_is_absent_does_no_harm() -> None:
    keep_BK, labels_BK, valid_BK = batch(0, 3.0)
    keep_BK.requires_grad_()
    labels_BK[0] = 1
    valid_BK[1] = False

    shifted_BK = keep_range([(0.9, 1.0), (0.3, 0.3), (0.0, 0.1)])(keep_BK, labels_BK, valid_BK)
    shifted_BK.sum().backward()

    assert shares(shifted_BK, labels_BK, valid_BK)[0, 1] == pytest.approx(0.3, abs=1e-4)
    assert torch.equal(shifted_BK[1], keep_BK[1])
    assert keep_BK.grad is not None
    assert torch.isfinite(keep_BK.grad).all()


@pytest.mark.parametrize("bounds", [(0.0, 0.3), (0.7, 1.0), (0.45, 0.45)])
def test_it_is_the_nearest_policy_of_those_in_the_range(bounds: tuple[float, float]) -> None:
    low, high = bounds
    logits_K = np.array([-1.5, 0.3, 2.0, 0.9])
    p_K = 1 / (1 + np.exp(-logits_K))

    def divergence(q_K: np.ndarray) -> float:
        return float((q_K * np.log(q_K / p_K) + (1 - q_K) * np.log((1 - q_K) / (1 - p_K))).sum())

    nearest = minimize(
        divergence,
        x0=np.full(4, (low + high) / 2),
        bounds=[(1e-6, 1 - 1e-6)] * 4,
        constraints=[
            {"type": "ineq", "fun": lambda q_K: q_K.mean() - low},
            {"type": "ineq", "fun": lambda q_K: high - q_K.mean()},
        ],
        options={"ftol": 1e-12},
    )

    shifted_1K = keep_range([bounds], torch.float64)(
        torch.tensor(logits_K[None]), torch.zeros((1, 4), dtype=torch.int64),
        torch.ones((1, 4), dtype=torch.bool),
    )  # fmt: skip
    assert torch.sigmoid(shifted_1K)[0].numpy() == pytest.approx(nearest.x, abs=1e-4)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_gradients_are_those_of_finite_differences(scale: float) -> None:
    keep_BK, labels_BK, valid_BK = batch(0, scale)
    # One range to be met from above, one from below, one that is met already.
    layer = keep_range([(0.0, 0.2), (0.9, 1.0), (0.0, 1.0)], torch.float64)

    assert torch.autograd.gradcheck(
        lambda keep_BK: layer(keep_BK, labels_BK, valid_BK),
        keep_BK.double().requires_grad_(),
        eps=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("name", ["transformer", "mlp"])
def test_a_controller_keeps_the_shares_that_it_was_built_for(name: str) -> None:
    ranges_C = ((0.1, 0.1), (0.8, 0.9))
    network, seen = controller(name, keep_ranges=ranges_C), observation()

    keep_BK, _ = network(seen)

    share_BC = shares(keep_BK, seen["labels"].long(), seen["valid"] > 0)
    assert share_BC[:, 0] == pytest.approx(np.full(3, 0.1), abs=1e-4)
    assert (share_BC[:, 1] > 0.8 - 1e-4).all()
    assert (share_BC[:, 1] < 0.9 + 1e-4).all()
