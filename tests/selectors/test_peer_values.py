"""The published rivals are what their papers say, and cost what they may."""

from dataclasses import replace
from itertools import chain, combinations
from math import comb

import numpy as np
import pytest
import torch
from small_peers import NUM_CANDIDATES, only, small_inputs

from rlsel.heads import LogisticHeads
from rlsel.heads.logistic import L2
from rlsel.selectors.peers import heads
from rlsel.selectors.peers.neighbours import shapley_of_votes
from rlsel.selectors.peers.subsets import SetUtility, data_banzhaf, tmc_shapley

FEW = 5
"""Candidates, where all their sets are tried."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many heads were fitted in each call of the probe's solver."""
    calls: list[int] = []
    fit = LogisticHeads.fit

    def counting(self: LogisticHeads, used_MN: torch.Tensor) -> torch.Tensor:
        calls.append(len(used_MN))
        return fit(self, used_MN)

    monkeypatch.setattr(LogisticHeads, "fit", counting)
    return calls


# What their papers say -------------------------------------------------------------------------


def sets_of(players: list[int]) -> list[tuple[int, ...]]:
    sizes = range(len(players) + 1)
    return list(chain.from_iterable(combinations(players, size) for size in sizes))


@pytest.mark.parametrize("num_neighbours", [1, 2, 7])
def test_knn_shapley_is_the_shapley_value_of_the_vote(num_neighbours: int) -> None:
    similarity_BM = rng().standard_normal((3, FEW))
    labels_M, asked_B = np.array([0, 1, 1, 2, 0]), np.array([0, 1, 0])

    def utility(members: tuple[int, ...]) -> float:
        right = 0
        for similarity_M, asked in zip(similarity_BM, asked_B, strict=True):
            nearest = sorted(members, key=lambda player: -similarity_M[player])
            right += sum(labels_M[player] == asked for player in nearest[:num_neighbours])
        return right / num_neighbours

    value_M = shapley_of_votes(similarity_BM, labels_M, asked_B, num_neighbours)

    for player in range(FEW):
        others = [other for other in range(FEW) if other != player]
        expected = sum(
            (utility((*members, player)) - utility(members)) / comb(FEW - 1, len(members)) / FEW
            for members in sets_of(others)
        )
        assert value_M[player] == pytest.approx(expected)


def test_data_banzhaf_nears_the_mean_gain_over_all_sets() -> None:
    inputs = only(small_inputs(2, num_fits=1009), FEW)
    sets_MN = np.array([[n in members for n in range(FEW)] for members in sets_of([*range(FEW)])])
    utility_M = SetUtility(inputs)(sets_MN)

    value_N = data_banzhaf(inputs, rng())

    expected_N = [utility_M[with_M].mean() - utility_M[~with_M].mean() for with_M in sets_MN.T]
    standard_error = 2 * utility_M.std() / np.sqrt(1009)
    assert value_N == pytest.approx(np.array(expected_N), abs=4 * standard_error)


def test_tmc_shapley_shares_out_what_the_whole_pool_adds() -> None:
    """Orders that are complete and not left early add up, whichever they are."""
    inputs = only(small_inputs(num_fits=2 + 4 * 31, truncation=0.0), 31)
    nobody, everybody = SetUtility(inputs)(np.array([[False] * 31, [True] * 31]))

    assert tmc_shapley(inputs, rng()).sum() == pytest.approx(everybody - nobody)


def test_tmc_shapley_gives_the_rest_of_an_order_nothing_once_the_pool_is_matched() -> None:
    """Where all is near enough from the start, an order gives at most six a value."""
    inputs = small_inputs(num_fits=2 + 32, truncation=0.99)

    value_N = tmc_shapley(inputs, rng())

    assert np.isfinite(value_N).all()
    assert 0 < np.count_nonzero(value_N) <= 6


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_head_of_peers_is_that_of_the_probe(num_classes: int) -> None:
    inputs = small_inputs(num_classes)
    x_MP, labels_M = inputs.trusted
    probe = LogisticHeads(torch.from_numpy(x_MP), torch.from_numpy(labels_M), num_classes, L2)
    weights_PC = probe.fit(torch.ones((1, len(x_MP)), dtype=torch.bool)).numpy()[0]

    head = heads.logistic_head(inputs, len(x_MP)).fit(x_MP, labels_M)

    logits_NC = inputs.candidates_NP @ weights_PC
    expected_NC = np.exp(logits_NC) / np.exp(logits_NC).sum(axis=1, keepdims=True)
    assert head.predict_proba(inputs.candidates_NP) == pytest.approx(expected_NC, abs=1e-4)


# What they cost, and what they may look at -----------------------------------------------------


def test_data_banzhaf_fits_as_many_heads_as_it_may(fitted: list[int]) -> None:
    data_banzhaf(small_inputs(num_fits=307), rng())

    assert sum(fitted) == 307


@pytest.mark.parametrize("num_fits", [4, 59, 307])
def test_tmc_shapley_fits_no_more_heads_than_it_may(fitted: list[int], num_fits: int) -> None:
    tmc_shapley(small_inputs(num_fits=num_fits), rng())

    assert sum(fitted) == num_fits


def test_data_oob_fits_one_head_a_bag(monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], heads.logistic_head
    monkeypatch.setattr(heads, "logistic_head", lambda *a: made.append(make(*a)) or made[-1])

    heads.data_oob(small_inputs(num_bags=7), rng())

    assert len(made) == 7


def test_the_components_are_those_of_the_probe_and_see_no_validation_image() -> None:
    inputs = small_inputs()
    other = replace(inputs, reward_val_RF=inputs.reward_val_RF + 1)

    assert np.array_equal(inputs.candidates_NP, other.candidates_NP)
    assert inputs.candidates_NP.shape == (NUM_CANDIDATES, 7 + 1)
    assert (inputs.candidates_NP[:, -1] == 1).all()
