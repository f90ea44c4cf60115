"""Large arrays in files: where they lie, what is taken of them, and how they travel."""

import errno
import gc
import pickle
from pathlib import Path

import numpy as np
import pytest

from rlsel.errors import InputError
from rlsel.machine import mapped
from rlsel.machine.mapped import empty_rows, file_of, join_rows, sent_by_path, take_rows

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mapped, "LARGE_BYTES", 100)
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 64)
    return tmp_path / "cache"


def files(cache: Path) -> list[Path]:
    return [*(cache / "rows").iterdir()] if cache.exists() else []


def large(num: int = 41) -> np.ndarray:
    rows = empty_rows((num, 7), np.int32)
    rows[:] = RNG.integers(1000, size=(num, 7))
    return rows


def test_a_small_array_stays_in_memory(cache: Path) -> None:
    assert not isinstance(empty_rows((5, 5), np.uint8), np.memmap)
    assert files(cache) == []


def test_a_large_array_has_a_file_as_long_as_it_is_held(cache: Path) -> None:
    rows = large()
    assert [path.stat().st_size for path in files(cache)] == [rows.nbytes]

    del rows
    gc.collect()

    assert files(cache) == []


def test_rows_to_be_filled_by_others_are_in_a_file_though_they_are_small(cache: Path) -> None:
    rows = empty_rows((5, 5), np.uint8, in_file=True)

    assert files(cache) == [file_of(rows)]


def test_a_file_is_of_rows_only_if_it_holds_nothing_else() -> None:
    rows = large()

    assert file_of(rows[:]) == file_of(rows)
    assert [file_of(some) for some in (rows[:40], rows[1:], rows[::2], np.zeros(3))] == [None] * 4


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "it fails")

    monkeypatch.setattr(mapped.os, "posix_fallocate", fail)


def test_if_the_disk_of_the_cache_is_full_it_is_in_memory(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk(monkeypatch)

    assert not isinstance(large(), np.memmap)
    assert files(cache) == []


def test_if_there_is_no_memory_either_both_are_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk(monkeypatch)
    monkeypatch.setattr("rlsel.machine.memory.available_bytes", lambda: 2**20)

    with pytest.raises(InputError) as raised:
        empty_rows((3 * 2**20, 1), np.uint8)

    assert str(raised.value) == (
        f"{cache}: has no room for 3 MiB of rows; without a file they would take 3 MiB of memory, "
        "and 1 MiB are available: set RLSEL_CACHE to a folder on a larger disk"
    )


def test_without_a_cache_it_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "file"))

    assert not isinstance(large(), np.memmap)


@pytest.mark.parametrize(
    "which",
    [
        np.array([3, 1, 40, 3]),
        np.arange(41) % 3 == 0,
        np.arange(5, 29),
        np.array([], dtype=np.int64),
        np.array([7]),
        np.array([-1]),
        np.array([-2, -1, 0]),
        np.array([0, 2, 1, 3]),  # its ends are as far apart as those of a range
    ],
)
def test_rows_are_those_that_numpy_takes(which: np.ndarray) -> None:
    rows = large()

    assert np.array_equal(take_rows(rows, which), np.asarray(rows)[which])


def test_rows_that_follow_one_another_are_no_copy() -> None:
    rows = large()

    assert np.shares_memory(take_rows(rows, np.arange(5, 29)), rows)


def test_parts_are_joined_in_order() -> None:
    parts = [large(23), large(5), large(31)]

    assert np.array_equal(join_rows(parts), np.concatenate(parts))


def test_a_file_of_a_killed_process_is_removed(cache: Path) -> None:
    rows = large()
    (mine,) = files(cache)
    killed = mine.with_name(mine.name.replace(f".{mapped.os.getpid()}.", ".999999999."))
    elsewhere = mine.with_name("another-machine.999999999.x")
    for path in (killed, elsewhere):
        path.touch()

    more = large()

    assert not killed.exists()
    assert elsewhere.exists()
    assert len(rows) == len(more)


def test_by_path_a_reader_maps_the_same_file(cache: Path) -> None:
    rows = large()
    with sent_by_path():
        content = pickle.dumps((rows, rows[3:7]))

    whole, part = pickle.loads(content)

    assert len(content) < rows.nbytes
    assert np.array_equal(whole, rows)
    assert np.array_equal(part, rows[3:7])
    rows[4, 0] = -1
    assert whole[4, 0] == part[1, 0] == -1


def test_otherwise_the_numbers_travel() -> None:
    rows = large()

    copy = pickle.loads(pickle.dumps(rows))

    assert not isinstance(copy, np.memmap)
    assert np.array_equal(copy, rows)


def test_what_is_not_contiguous_travels_as_numbers() -> None:
    rows = large()
    with sent_by_path():
        copy = pickle.loads(pickle.dumps(rows[::2]))

    assert np.array_equal(copy, rows[::2])
