"""A kill at any moment leaves a checkpoint that is whole."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsel.algorithms.advantages import Taken
from rlsel.algorithms.history import (
    CHECKPOINTS,
    ITERATIONS,
    History,
    load_checkpoint,
    save_checkpoint,
    write_rows,
)
from rlsel.errors import InputError


class FakeAlgorithm:
    """Saves one number as its state, or dies half-way."""

    def __init__(self, state: int, dies: bool = False) -> None:
        self.state, self.dies = state, dies

    def save_to_path(self, path: str) -> None:
        Path(path).mkdir()
        (Path(path) / "state").write_text(str(self.state))
        if self.dies:
            raise KeyboardInterrupt


def save_all(run_dir: Path, num_iterations: int) -> History:
    """As a run does it, one iteration after the other."""
    for i in range(1, num_iterations + 1):
        save_checkpoint(run_dir, history(i), FakeAlgorithm(i))
    return history(num_iterations)


def history(num_iterations: int) -> History:
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = [
        {"iteration": i + 1, "reward_mean": i / 7, "grad_norm": float("nan")}
        for i in range(num_iterations)
    ]
    taken = [
        # Of unequal size, since episodes of a runner that died are lost.
        Taken(rng.integers(5, size=7 + i), rng.random((7 + i, 3)), rng.random(7 + i))
        for i in range(num_iterations)
    ]
    smoothed = {0: 0.25, 3: 0.1 + 0.2}
    return History(rows, list(rng.random((num_iterations, 11))), smoothed, taken)


def test_a_checkpoint_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    saved = save_all(tmp_path, 3)

    loaded = load_checkpoint(tmp_path)

    assert loaded is not None
    restored, rllib = loaded
    assert str(restored.rows) == str(saved.rows)  # as text, since NaN is unlike itself
    assert np.array_equal(restored.probabilities_TN, saved.probabilities_TN)
    assert restored.smoothed == saved.smoothed
    for one, other in zip(restored.taken, saved.taken, strict=True):
        for name in ("decision_B", "kept_sets_BX", "reward_B"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
    assert (rllib / "state").read_text() == "3"


def test_a_folder_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None


def test_a_new_checkpoint_replaces_the_one_before(tmp_path: Path) -> None:
    save_all(tmp_path, 11)

    names = sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir())
    assert names == ["iteration_00011", "taken"]


def test_a_kill_while_saving_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    save_all(tmp_path, 2)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, history(3), FakeAlgorithm(3, dies=True))

    loaded = load_checkpoint(tmp_path)

    assert (tmp_path / CHECKPOINTS / "partial").exists()
    assert loaded is not None
    assert len(loaded[0].rows) == 2
    assert (loaded[1] / "state").read_text() == "2"


def test_what_a_kill_left_half_saved_does_not_get_into_the_next_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, history(1), FakeAlgorithm(1, dies=True))
    (tmp_path / CHECKPOINTS / "partial" / "rubbish").write_text("")
    assert load_checkpoint(tmp_path) is None

    save_checkpoint(tmp_path, history(1), FakeAlgorithm(1))

    (folder,) = (tmp_path / CHECKPOINTS).glob("iteration_*")
    assert not (folder / "rubbish").exists()


def test_the_newest_of_two_whole_checkpoints_counts(tmp_path: Path) -> None:
    # As a kill leaves it between renaming the new one and removing the old one.
    save_all(tmp_path, 10)
    newest = tmp_path / CHECKPOINTS / "iteration_00010"
    newest.rename(tmp_path / "aside")
    save_all(tmp_path, 9)
    (tmp_path / "aside").rename(newest)

    loaded = load_checkpoint(tmp_path)

    assert loaded is not None
    assert len(loaded[0].rows) == 10


def test_every_finished_iteration_has_its_line(tmp_path: Path) -> None:
    save_all(tmp_path, 3)
    lines = (tmp_path / ITERATIONS).read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [1, 2, 3]

    write_rows(tmp_path, history(2))

    assert len((tmp_path / ITERATIONS).read_text().splitlines()) == 2


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"[]", b"{}"])
@pytest.mark.parametrize(
    "name",
    ["iteration_00003/history.json", "iteration_00003/probabilities.npy", "taken/00002.npz"],
)
def test_a_damaged_checkpoint_is_named_with_the_way_out(
    tmp_path: Path, name: str, content: bytes
) -> None:
    save_all(tmp_path, 3)
    (tmp_path / CHECKPOINTS / name).write_bytes(content)

    with pytest.raises(InputError, match=r"iteration_00003: is damaged .*; remove it.*--resume"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(("first", "last", "expected"), [(0, 0, [0]), (2, 4, [2, 3, 4])])
def test_probabilities_are_averaged_from_the_first_to_the_last(
    first: int, last: int, expected: list[int]
) -> None:
    past = history(7)

    averaged_N = past.averaged_probability(first, last)

    mean_N = sum(past.probabilities_TN[i] for i in expected) / len(expected)
    assert averaged_N == pytest.approx(mean_N)
