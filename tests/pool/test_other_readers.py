"""What rlsel writes as Parquet is read by the libraries that people read Parquet with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from rlsel.data import ImageSet
from rlsel.pool import Pool, parquet_file, read_pool, write_pool

Reader = Callable[[Path, Path], dict[str, list[Any]]]


def by_pandas(path: Path, cache: Path) -> dict[str, list[Any]]:
    import pandas as pd

    return pd.read_parquet(path).to_dict("list")


def by_polars(path: Path, cache: Path) -> dict[str, list[Any]]:
    import polars as pl

    return pl.read_parquet(path).to_dict(as_series=False)


def by_duckdb(path: Path, cache: Path) -> dict[str, list[Any]]:
    import duckdb

    found = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    return dict(zip(found.columns, map(list, zip(*found.fetchall(), strict=True)), strict=True))


def by_datasets(path: Path, cache: Path) -> dict[str, list[Any]]:
    import datasets

    datasets.disable_progress_bars()
    return datasets.Dataset.from_parquet(str(path), cache_dir=str(cache)).to_dict()


READERS: dict[str, Reader] = {
    "pandas": by_pandas,
    "polars": by_polars,
    "duckdb": by_duckdb,
    "datasets": by_datasets,
}


@pytest.fixture(autouse=True)
def small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "ROW_GROUP_BYTES", 500)


@pytest.fixture
def pool(image_set: Callable[..., ImageSet]) -> Pool:
    return Pool(image_set({"<5mm": 5, "良性": 6}), "a test")


def test_no_row_group_holds_more_images_than_the_limit(pool: Pool, tmp_path: Path) -> None:
    write_pool(pool, tmp_path / "pool.parquet")

    file = pq.ParquetFile(tmp_path / "pool.parquet")
    sizes = [
        sum(len(cell["bytes"]) for cell in file.read_row_group(i)["image"].to_pylist())
        for i in range(file.num_row_groups)
    ]
    assert len(sizes) > 2
    assert max(sizes) <= 500
    assert read_pool(tmp_path / "pool.parquet").digest == pool.digest


def test_an_image_above_the_limit_has_a_row_group_of_its_own(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "ROW_GROUP_BYTES", 1)

    write_pool(pool, tmp_path / "pool.parquet")

    assert pq.ParquetFile(tmp_path / "pool.parquet").num_row_groups == len(pool)


@pytest.mark.parametrize("reader", READERS)
def test_a_pool_is_read_by(reader: str, pool: Pool, tmp_path: Path) -> None:
    write_pool(pool, tmp_path / "pool.parquet")

    read = READERS[reader](tmp_path / "pool.parquet", tmp_path / "cache")

    assert read["id"] == pool.candidates.ids.tolist()
    assert read["class"] == ["<5mm"] * 5 + ["良性"] * 6
    assert all(cell["bytes"].startswith(b"\x89PNG") for cell in read["image"])


def test_hugging_face_datasets_know_the_images_and_the_classes(pool: Pool, tmp_path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    write_pool(pool, tmp_path / "pool.parquet")

    read = datasets.Dataset.from_parquet(
        str(tmp_path / "pool.parquet"), cache_dir=str(tmp_path / "cache")
    )

    assert read.features["label"].names == ["<5mm", "良性"]
    assert np.array_equal(np.asarray(read[7]["image"]), pool.candidates.images[7])


def test_an_image_is_called_png_once(pool: Pool, tmp_path: Path) -> None:
    ids = np.array(
        [f"<5mm/{i}{end}" for i, end in enumerate(["", ".png", ".PNG", ".jpg"] * 3)][:11]
    )
    named = Pool(
        ImageSet(pool.candidates.images, pool.candidates.labels, ("<5mm", "良性"), ids), ""
    )

    write_pool(named, tmp_path / "pool.parquet")

    cells = pq.read_table(tmp_path / "pool.parquet")["image"].to_pylist()
    assert [cell["path"] for cell in cells][:4] == [
        "<5mm/0.png", "<5mm/1.png", "<5mm/2.PNG", "<5mm/3.jpg.png",
    ]  # fmt: skip
