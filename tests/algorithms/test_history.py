"""A kill at any moment leaves a checkpoint that is whole."""

import json
import os
import shutil
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pytest
import torch

from rlsel.algorithms.advantages import Taken
from rlsel.algorithms.history import (
    CHECKPOINTS,
    ITERATIONS,
    History,
    load_checkpoint,
    load_state,
    save_checkpoint,
    write_rows,
)
from rlsel.errors import InputError


class FakeAlgorithm:
    """Has one number as its state, or dies before it gives it."""

    def __init__(self, state: int, dies: bool = False) -> None:
        self.state, self.dies = state, dies

    def get_state(self) -> dict[str, Any]:
        if self.dies:
            raise KeyboardInterrupt
        weights = np.full((2, 3), self.state, dtype=np.float32)
        momentum = torch.full((2,), self.state)
        return {"weights": {7: weights}, "lr": np.float64(0.1), "of": (momentum, None)}


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
    probabilities_TM = [np.random.default_rng(i).random(11) for i in range(num_iterations)]
    return History(rows, probabilities_TM, [0] * num_iterations, smoothed, taken)


def test_a_checkpoint_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    saved = save_all(tmp_path, 3)

    loaded = load_checkpoint(tmp_path)

    assert loaded is not None
    restored, state = loaded
    assert str(restored.rows) == str(saved.rows)  # as text, since NaN is unlike itself
    assert np.array_equal(restored.probabilities_TM, saved.probabilities_TM)
    assert restored.shards == saved.shards
    assert restored.smoothed == saved.smoothed
    for one, other in zip(restored.taken, saved.taken, strict=True):
        for name in ("decision_B", "kept_sets_BX", "reward_B"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
    found = load_state(state)
    assert isinstance(found["weights"][7], np.ndarray)
    assert np.array_equal(found["weights"][7], np.full((2, 3), 3, dtype=np.float32))
    assert found["lr"] == 0.1
    momentum, nothing = found["of"]
    assert nothing is None
    assert momentum.tolist() == [3, 3]


def test_a_folder_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None


def test_the_newest_two_checkpoints_are_kept(tmp_path: Path) -> None:
    save_all(tmp_path, 11)

    names = sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir())
    assert names == ["iteration_00010", "iteration_00011", "iterations"]


def test_a_kill_while_saving_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    save_all(tmp_path, 2)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, history(3), FakeAlgorithm(3, dies=True))

    loaded = load_checkpoint(tmp_path)

    assert (tmp_path / CHECKPOINTS / "partial").exists()
    assert loaded is not None
    assert len(loaded[0].rows) == 2
    assert load_state(loaded[1])["weights"][7][0, 0] == 2


def test_what_a_kill_left_half_saved_does_not_get_into_the_next_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, history(1), FakeAlgorithm(1, dies=True))
    (tmp_path / CHECKPOINTS / "partial" / "rubbish").write_text("")
    assert load_checkpoint(tmp_path) is None

    save_checkpoint(tmp_path, history(1), FakeAlgorithm(1))

    (folder,) = (tmp_path / CHECKPOINTS).glob("iteration_*")
    assert not (folder / "rubbish").exists()


def test_the_newest_of_two_whole_checkpoints_counts(tmp_path: Path) -> None:
    save_all(tmp_path, 10)
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
@pytest.mark.parametrize("name", ["history.json", "algorithm.pt", "checksums.json"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(
    tmp_path: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    save_all(tmp_path, 3)
    (tmp_path / CHECKPOINTS / "iteration_00003" / name).write_bytes(content)

    loaded = load_checkpoint(tmp_path)

    assert loaded is not None
    assert len(loaded[0].rows) == 2
    said = capsys.readouterr().out
    assert said.startswith(f"warning: {tmp_path}/checkpoints/iteration_00003: is damaged (")
    assert name == "checksums.json" or f"({name}, of {len(content)} bytes, is not as" in said


@pytest.mark.parametrize("content", [b"", b"\0" * 64])
def test_without_the_arrays_of_an_iteration_it_is_learned_again(
    tmp_path: Path, content: bytes
) -> None:
    save_all(tmp_path, 3)
    (tmp_path / CHECKPOINTS / "iterations" / "00003.npz").write_bytes(content)

    loaded = load_checkpoint(tmp_path)

    assert loaded is not None
    assert len(loaded[0].rows) == 2


@pytest.mark.parametrize("content", [b"", b"\0" * 64])
def test_without_any_sound_checkpoint_the_way_out_is_told(tmp_path: Path, content: bytes) -> None:
    save_all(tmp_path, 3)
    (tmp_path / CHECKPOINTS / "iterations" / "00002.npz").write_bytes(content)

    with pytest.raises(InputError, match=r"iteration_00002: is damaged .*; remove it.*--resume"):
        load_checkpoint(tmp_path)


def test_a_checkpoint_is_on_the_disk_before_the_older_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_all(tmp_path, 2)
    steps: list[str] = []
    fsync, replace, rmtree = os.fsync, os.replace, shutil.rmtree

    def sync(descriptor: int) -> None:
        fsync(descriptor)
        steps.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(
        os, "replace", lambda a, b: (replace(a, b), steps.append(f"rename {Path(a).name}"))
    )
    monkeypatch.setattr(
        shutil, "rmtree", lambda p, **how: (rmtree(p, **how), steps.append(f"remove {p.name}"))
    )
    save_checkpoint(tmp_path, history(3), FakeAlgorithm(3))

    at = steps.index("rename partial")
    assert any(step.startswith(".00003") for step in steps[:at]), "arrays of the iteration"
    contents = {"algorithm.pt", "history.json", "checksums.json", "partial"}
    assert contents <= {*steps[:at]}
    assert steps[at + 1] == CHECKPOINTS
    assert steps.index("remove iteration_00001") > at + 1


def test_reading_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"weights": Harmful()}, tmp_path / "algorithm.pt")

    with pytest.raises(UnpicklingError):
        load_state(tmp_path / "algorithm.pt")


@pytest.mark.parametrize(("iteration", "expected"), [(0, [0]), (2, [0, 1, 2])])
def test_probabilities_are_averaged_over_all_iterations_so_far(
    iteration: int, expected: list[int]
) -> None:
    past = history(7)

    mean_N = sum(past.probabilities_TM[i] for i in expected) / len(expected)
    assert past.mean_probability(iteration) == pytest.approx(mean_N)
