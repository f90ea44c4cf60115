"""Vectors that there is no memory for are refused before they are read."""

from pathlib import Path

import numpy as np
import pytest
from small_embeddings import WIDTH, vectors, write_embeddings

from rlsel.data.read import read_parts
from rlsel.data.sources import EmbeddingsSource
from rlsel.errors import InputError


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave room for one copy of the vectors of these tests, and not for two."""
    monkeypatch.setattr("rlsel.machine.memory.available_bytes", lambda: 700 * WIDTH * 4)


def read(path: str) -> None:
    read_parts(EmbeddingsSource(path=path), None, skip_bad=False)


@pytest.mark.parametrize("kind", ["fixed", "list", "tensor"])
def test_those_of_parquet_are_counted_before_they_are_read(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_embeddings(tmp_path / "e.parquet", 600, kind=kind)
    monkeypatch.setattr(
        "rlsel.data.sources.vector_column._vectors", lambda *rows: pytest.fail("it was read")
    )

    with pytest.raises(InputError) as raised:
        read(str(path))

    assert str(raised.value).startswith(
        f"{path}: 600 vectors of {WIDTH} numbers would take 0 MiB of memory, and 0 MiB are "
    )


def test_those_of_several_files_are_added_up(tmp_path: Path) -> None:
    for number in range(3):
        write_embeddings(tmp_path / f"{number}.parquet", 200, seed=number)

    with pytest.raises(InputError, match=r"0\.parquet and 2 more: 600 vectors of"):
        read(str(tmp_path))


def test_those_of_npz_are_counted_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values_NF, labels_N = vectors(600)
    np.savez(tmp_path / "e.npz", embeddings=values_NF, labels=labels_N)
    monkeypatch.setattr(
        np.lib.npyio.NpzFile, "__getitem__", lambda *which: pytest.fail("it was read")
    )

    with pytest.raises(InputError, match=r"e\.npz: embeddings would take .* give fewer rows"):
        read(str(tmp_path / "e.npz"))


def test_those_that_fit_are_read(tmp_path: Path) -> None:
    read(str(write_embeddings(tmp_path / "e.parquet", 300)))
