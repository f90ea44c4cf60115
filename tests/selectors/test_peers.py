"""The published rivals find wrong labels, repeatably, and keep as many as the controller."""

from dataclasses import replace

import numpy as np
import pytest
from small_peers import NUM_CANDIDATES, right, small_inputs
from small_table import small_table

from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, build_experiment
from rlsel.metrics import auc_binary
from rlsel.selectors import SELECTORS, BaselineInputs, Selection
from rlsel.selectors.config import METHODS
from rlsel.selectors.peers import PEERS, PeerInputs, PeersConfig, score_candidates

BY_LOT = ("data_oob", "data_banzhaf", "tmc_shapley")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def select(method: str, inputs: PeerInputs, num_keep: int = 41, seed: int = 0) -> Selection:
    table = small_table(len(inputs.labels_N))
    return SELECTORS[method](BaselineInputs(table, num_keep, 1, peers=inputs), rng(seed))


# What they find --------------------------------------------------------------------------------


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("method", PEERS)
def test_a_peer_ranks_right_labels_above_wrong_ones(method: str, num_classes: int) -> None:
    score_N = score_candidates(method, small_inputs(num_classes), rng())

    assert auc_binary(score_N, right()) > 0.75


@pytest.mark.parametrize("method", PEERS)
def test_a_peer_keeps_the_highest_and_exactly_as_many_as_the_controller(method: str) -> None:
    selection = select(method, small_inputs(num_bags=3, num_fits=61))

    assert (selection.method, selection.num_kept) == (method, 41)
    score_N, kept_N = selection.score_N, selection.kept_N
    assert score_N is not None
    assert score_N[kept_N].min() >= score_N[~kept_N].max()


@pytest.mark.parametrize("method", PEERS)
def test_the_generator_alone_decides_what_a_peer_says(method: str) -> None:
    once, again, other = (
        score_candidates(method, small_inputs(num_bags=3, num_fits=61), rng(seed))
        for seed in (3, 3, 4)
    )

    assert np.array_equal(once, again)
    assert np.array_equal(once, other) == (method not in BY_LOT)


@pytest.mark.parametrize("method", ["knn_shapley", "confident_learning"])
def test_the_order_of_the_candidates_does_not_matter(method: str) -> None:
    inputs, order_N = small_inputs(), rng().permutation(NUM_CANDIDATES)
    shuffled = replace(
        inputs, candidates_NF=inputs.candidates_NF[order_N], labels_N=inputs.labels_N[order_N]
    )

    score_N = score_candidates(method, inputs, rng())

    assert score_candidates(method, shuffled, rng()) == pytest.approx(score_N[order_N], abs=1e-6)


@pytest.mark.parametrize("method", PEERS)
def test_a_class_without_candidates_disturbs_no_peer(method: str) -> None:
    inputs = small_inputs(num_bags=3, num_fits=61)
    rows = inputs.labels_N != 1
    without = replace(
        inputs, candidates_NF=inputs.candidates_NF[rows], labels_N=inputs.labels_N[rows]
    )

    assert np.isfinite(score_candidates(method, without, rng())).all()


@pytest.mark.parametrize("method", PEERS)
def test_what_too_small_a_budget_cannot_value_is_put_in_the_middle(method: str) -> None:
    score_N = score_candidates(method, small_inputs(num_bags=2, num_fits=4), rng())

    assert np.isfinite(score_N).all()


def test_ties_are_broken_by_lot_and_not_by_the_order_of_the_pool(monkeypatch) -> None:
    monkeypatch.setattr(
        "rlsel.selectors.baselines.score_candidates", lambda *_: np.zeros(NUM_CANDIDATES)
    )

    kept = [select("data_oob", small_inputs(), seed=seed).kept_N for seed in (1, 1, 2)]

    assert np.array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])
    assert not kept[0][:41].all()


def test_without_features_a_peer_has_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="needs the features"):
        SELECTORS["data_oob"](BaselineInputs(small_table(), 3, 1), rng())


# Settings --------------------------------------------------------------------------------------


def test_every_method_of_a_config_is_a_selector_or_the_controller() -> None:
    assert set(METHODS) == {*SELECTORS, "controller", "free"} - {"real_only", "oracle"}


def test_no_peer_runs_unless_it_is_asked_for() -> None:
    assert set(PEERS).isdisjoint(Experiment().selection.methods)


def test_an_unknown_method_is_answered_with_the_choices() -> None:
    with pytest.raises(InputError, match=r"knn_shaply'; known are .*knn_shapley, data_oob"):
        build_experiment({"selection": {"methods": ["knn_shaply"]}}, "c.yaml")


def test_the_settings_of_peers_are_part_of_a_config() -> None:
    experiment = build_experiment({"selection": {"peers": {"num_fits": 59}}}, "c.yaml")

    assert experiment.selection.peers == PeersConfig(num_fits=59)
