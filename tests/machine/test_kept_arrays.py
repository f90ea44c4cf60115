"""What took long to compute is computed once for the same content."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from rlsel.machine.cache.kept import ARRAYS, Arrays, Work, content_of, kept

INPUTS = (1, ("a", "b"), np.arange(7))


class Count:
    """Computes something and says how often it had to."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Arrays:
        self.times += 1
        return {"x": np.arange(5.0), "empty": np.zeros((0, 3), bool), "text": np.array("é")}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_second_time_it_comes_from_disk_bit_by_bit() -> None:
    compute = Count()

    once, again = (kept(Work("a test", INPUTS, compute, ARRAYS)) for _ in range(2))

    assert compute.times == 1
    assert once.keys() == again.keys()
    for name, array in once.items():
        assert (array.dtype, array.shape) == (again[name].dtype, again[name].shape)
        assert np.array_equal(array, again[name])


def test_damage_is_said_and_mended(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compute = Count()
    kept(Work("a test", INPUTS, compute, ARRAYS))
    (file,) = cache.rglob("arrays.npz")
    file.write_bytes(file.read_bytes()[:-50])

    for _ in range(2):
        kept(Work("a test", INPUTS, compute, ARRAYS))

    assert compute.times == 2
    assert "cannot be read, so the a test is made again" in " ".join(
        capsys.readouterr().out.split()
    )


def test_without_a_cache_it_is_computed_each_time(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write_text("no folder")
    compute = Count()

    for _ in range(2):
        kept(Work("a test", INPUTS, compute, ARRAYS))

    assert compute.times == 2
    assert "going on without a cache" in " ".join(capsys.readouterr().out.split())


def test_a_full_disk_of_the_cache_is_told_and_the_value_is_used_all_the_same(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(file: object, **arrays: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", fail)
    compute = Count()

    found = [kept(Work("a test", INPUTS, compute, ARRAYS)) for _ in range(2)]

    assert all(found)
    assert compute.times == 2
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("going on without a cache (No space left on device)") == 1


OTHERS = {
    "a value": (2, ("a", "b"), np.arange(7)),
    "a text": (1, ("a", "c"), np.arange(7)),
    "an array": (1, ("a", "b"), np.arange(7)[::-1]),
    "its type": (1, ("a", "b"), np.arange(7, dtype=np.int32)),
    "its shape": (1, ("a", "b"), np.arange(7)[None]),
}


@pytest.mark.parametrize("changed", OTHERS)
def test_other_content_is_something_else(changed: str) -> None:
    assert content_of(*INPUTS) == content_of(*INPUTS)
    assert content_of(*OTHERS[changed]) != content_of(*INPUTS)
