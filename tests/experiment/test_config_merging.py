"""Settings laid over settings: presets, sweeps, the config of a user."""

import pytest

from rlsel.experiment.config import merge


def test_blocks_are_merged_key_by_key() -> None:
    base = {"a": {"x": 1, "deep": {"y": 2, "z": 3}}, "b": 4}

    assert merge(base, {"a": {"deep": {"y": 5}}, "c": 6}) == {
        "a": {"x": 1, "deep": {"y": 5, "z": 3}}, "b": 4, "c": 6,
    }  # fmt: skip
    assert base == {"a": {"x": 1, "deep": {"y": 2, "z": 3}}, "b": 4}


def test_a_block_of_another_name_replaces_the_whole_block() -> None:
    base = {"pool": {"name": "npz", "path": "p.npz"}}

    assert merge(base, {"pool": {"name": "planted"}}) == {"pool": {"name": "planted"}}
    assert merge(base, {"pool": {"name": "npz", "class_names": ["a"]}}) == {
        "pool": {"name": "npz", "path": "p.npz", "class_names": ["a"]}
    }


@pytest.mark.parametrize("named", [{}, {"name": "ppo"}])
def test_another_algorithm_keeps_what_it_knows_and_leaves_what_it_does_not(
    named: dict[str, str],
) -> None:
    base = {"lr": 0.1, "episodes": 8, "clip": 0.1, "ratio": "joint", **named}

    assert merge({"algorithm": base}, {"algorithm": {"name": "reinforce"}}) == {
        "algorithm": {"lr": 0.1, "episodes": 8, "name": "reinforce"}
    }


def test_another_credit_keeps_its_settings() -> None:
    base = {"algorithm": {"credit": {"name": "ridge", "memory": 0.5}}}

    assert merge(base, {"algorithm": {"credit": {"name": "factored"}}}) == {
        "algorithm": {"credit": {"name": "factored", "memory": 0.5}}
    }
