"""Features that somebody else has computed are found by id, and anything amiss is told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_features import small_pool, small_splits

from rlsel.errors import InputError
from rlsel.features.extractors import frozen_features, identity_of, require_features
from rlsel.features.extractors.config import FileExtractor

SIZE = 5
SPLITS, POOL = small_splits(), small_pool().candidates
SETS = {
    "train": SPLITS.train,
    "reward_val": SPLITS.reward_val,
    "selection_val": SPLITS.selection_val,
    "candidates": POOL,
}
IDS = np.concatenate([images.ids for images in SETS.values()])
PARTS = np.repeat([*SETS], [len(images) for images in SETS.values()])
FEATURES = np.random.default_rng(0).standard_normal((len(IDS), SIZE), dtype=np.float32)


def frame(**changed: Any) -> dict[str, Any]:
    columns = {"part": PARTS.tolist(), "id": IDS.tolist(), "features": list(FEATURES), **changed}
    return {name: values for name, values in columns.items() if values is not None}


def written(path: Path, **changed: Any) -> FileExtractor:
    pq.write_table(pa.table(frame(**changed)), path)
    return FileExtractor(path=str(path))


def features_by(config: FileExtractor) -> dict[str, np.ndarray]:
    return frozen_features(config, SPLITS, POOL, 0)


def refusal(config: FileExtractor) -> str:
    """Without the name of the file; and what is about ids alone is told before a run trains."""
    with pytest.raises(InputError) as caught:
        features_by(config)
    return str(caught.value).removeprefix(f"{config.path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "features.parquet"


def by_pandas(path: Path) -> None:
    pd.DataFrame(frame()).to_parquet(path)


def by_polars(path: Path) -> None:
    pl.DataFrame(frame()).write_parquet(path)


def by_arrow_fixed(path: Path) -> None:
    flat = pa.array(FEATURES.astype(np.float16).astype(np.float64).ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, SIZE)
    pq.write_table(pa.table(frame(features=lists)), path)


def by_arrow_tensors(path: Path) -> None:
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(FEATURES)
    pq.write_table(pa.table(frame(features=tensors)), path)


@pytest.mark.parametrize("write", [by_pandas, by_polars, by_arrow_fixed, by_arrow_tensors])
def test_every_image_gets_the_features_of_its_id(write: Callable[[Path], None], path: Path) -> None:
    write(path)

    features = features_by(FileExtractor(path=str(path)))

    assert features.keys() == SETS.keys()
    for name, found_MF in features.items():
        assert found_MF.dtype == np.float32
        assert found_MF == pytest.approx(FEATURES[name == PARTS], abs=2e-3)


def test_the_order_of_rows_and_rows_of_others_do_not_matter(path: Path) -> None:
    known = features_by(written(path))
    order = np.random.default_rng(1).permutation(len(IDS) + 3)
    more = {
        "part": np.append(PARTS, ["test", "train", "train"])[order],
        "id": np.append(IDS, ["4-0", "of nobody", "of nobody"])[order],
        "features": list(np.append(FEATURES, np.full((3, SIZE), np.nan, np.float32), 0)[order]),
    }

    features = features_by(written(path, **more))

    assert all(np.array_equal(features[name], array) for name, array in known.items())


def test_npz_and_several_parquet_files_are_the_same(path: Path, tmp_path: Path) -> None:
    known = features_by(written(path))
    np.savez(tmp_path / "f.npz", ids=IDS, features=FEATURES, parts=PARTS)
    (tmp_path / "parts").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(IDS)), 3)):
        columns = {name: [values[row] for row in rows] for name, values in frame().items()}
        pq.write_table(pa.table(columns), tmp_path / "parts" / f"{number}.parquet")

    for other in ("f.npz", "parts", "parts/*.parquet"):
        features = features_by(FileExtractor(path=str(tmp_path / other)))
        assert np.array_equal(features["reward_val"], known["reward_val"])
        assert np.array_equal(features["candidates"], known["candidates"])


def test_columns_may_be_called_otherwise(path: Path) -> None:
    pq.write_table(pa.table({"a": IDS.tolist(), "b": list(FEATURES), "c": PARTS.tolist()}), path)
    config = FileExtractor(path=str(path), id_column="a", feature_column="b", part_column="c")

    assert np.array_equal(features_by(config)["train"], FEATURES[PARTS == "train"])
    assert refusal(FileExtractor(path=str(path), id_column="a")) == (
        "no column 'features'; the columns are 'a', 'b', 'c' (features.extractor.id_column, "
        "feature_column and part_column name others)"
    )


def test_a_real_image_and_a_candidate_may_have_one_id(path: Path, tmp_path: Path) -> None:
    twins = replace(POOL, ids=np.append(SPLITS.train.ids[:1], POOL.ids[1:]))
    ids = np.where(PARTS == "candidates", np.resize(twins.ids, len(IDS)), IDS)
    ids[PARTS == "candidates"] = twins.ids
    told = written(path, id=ids.tolist())
    untold = written(tmp_path / "untold.parquet", id=ids.tolist(), part=None)

    features = frozen_features(told, SPLITS, twins, 0)

    assert np.array_equal(features["train"][0], FEATURES[0])
    assert np.array_equal(features["candidates"], FEATURES[PARTS == "candidates"])
    with pytest.raises(InputError, match="1 id of a real image and of a candidate too: '1-0'; add"):
        require_features(untold, SPLITS, twins)


def test_without_parts_ids_alone_tell(path: Path) -> None:
    features = features_by(written(path, part=None))

    assert np.array_equal(features["candidates"], FEATURES[PARTS == "candidates"])


def ids_with(changes: dict[int, str]) -> list[str]:
    ids = IDS.tolist()
    for row, id_ in changes.items():
        ids[row] = id_
    return ids


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"id": ids_with({0: "x", 3: "y"})},
            "no features of 2 images of train of 29: '1-0', '1-3'; rlsel check CONFIG.yaml --ids "
            "ids.csv lists all that are needed",
        ),
        (
            {"part": ["real"] * len(IDS)},
            "no features of 41 candidates of 41: '5-0', '5-1', '5-2', '5-3' and 37 more (no row "
            "has candidates in 'part'); rlsel check CONFIG.yaml --ids ids.csv lists all that are "
            "needed",
        ),
        (
            {"id": ids_with({1: "1-0", 30: "1-2"})},
            "no features of 1 image of train of 29: '1-1'; rlsel check CONFIG.yaml --ids ids.csv "
            "lists all that are needed",
        ),
        ({"id": [None, *IDS[1:].tolist()]}, "column 'id' is empty in 1 row"),
    ],
)
def test_an_image_without_features_is_told_before_anything_is_trained(
    changed: dict[str, Any], said: str, path: Path
) -> None:
    config = written(path, **changed)

    assert refusal(config) == said
    with pytest.raises(InputError):
        require_features(config, SPLITS, POOL)


def test_two_rows_for_one_image_are_refused(path: Path) -> None:
    rows = [*range(len(IDS)), 0, 0, 5, len(IDS) - 1]
    twice = {name: [values[row] for row in rows] for name, values in frame().items()}

    assert refusal(written(path, **twice)) == (
        "more than one row for 2 images of train: '1-0', '1-5'; give each image one"
    )


def spoilt(row: int, value: Any) -> list[Any]:
    return [value if i == row else vector for i, vector in enumerate(FEATURES)]


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (
            spoilt(31, FEATURES[0] * np.nan),
            "the features of 1 image of reward_val cannot be used: '2-2'; the first holds NaN",
        ),
        (
            spoilt(99, FEATURES[0] * np.inf),
            "the features of 1 candidate cannot be used: '5-40'; the first holds infinity",
        ),
        (
            spoilt(0, [1.0, -1e300, 0.0, 0.0, 0.0]),
            "the features of 1 image of train cannot be used: '1-0'; the first holds -1e+300, and "
            "1e+15 is the largest number",
        ),
        (
            spoilt(7, FEATURES[0, :3]),
            "column 'features': features have 5 numbers, but 1 row have others, first row 7 with 3",
        ),
        (spoilt(7, None), "column 'features' is empty in 1 row"),
        (
            pa.array([[]] * len(IDS), pa.list_(pa.float32())),
            "column 'features': features have no numbers",
        ),
        (["text"] * len(IDS), "column 'features' is of string; lists of numbers are needed"),
        ([["a"]] * len(IDS), "column 'features' is of list<"),
    ],
)
def test_features_that_are_no_vectors_are_refused(features: Any, said: str, path: Path) -> None:
    assert refusal(written(path, features=pa.array(features))).startswith(said)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"ids": IDS}, "no array 'features'; it holds 'ids'"),
        ({"ids": IDS, "features": FEATURES[1:]}, "100 ids but 99 features"),
        (
            {"ids": IDS, "features": FEATURES, "parts": PARTS[1:]},
            "100 ids but 99 entries of 'parts'",
        ),
        (
            {"ids": IDS, "parts": PARTS, "features": FEATURES * np.float32(1e30)},
            f"the features of {len(SPLITS.train)} images of train cannot be used: '1-0'",
        ),
        ({"ids": IDS, "features": FEATURES[0]}, "array 'features' is float32 of shape (5,);"),
        ({"ids": IDS.astype(object), "features": FEATURES}, "cannot be read (Object arrays cannot"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    arrays: dict[str, Any], said: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "f.npz", **arrays)

    assert refusal(FileExtractor(path=str(tmp_path / "f.npz"))).startswith(said)


@pytest.mark.parametrize("name", ["f.parquet", "f.npz"])
def test_a_broken_file_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 and no more")

    assert "cannot be read" in refusal(FileExtractor(path=str(tmp_path / name)))


def test_a_missing_file_is_told_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        require_features(FileExtractor(path=str(tmp_path / "f.parquet")), SPLITS, POOL)

    assert str(caught.value) == (
        f"features.extractor.path: {tmp_path}/f.parquet: no such file or folder ({tmp_path} has no "
        "'f.parquet'); rlsel check CONFIG.yaml --ids ids.csv lists the images whose features are "
        "to be there"
    )


def test_the_identity_is_the_content_of_the_file(path: Path, tmp_path: Path) -> None:
    config = written(path)
    known = identity_of(config, 0)
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(path.read_bytes())

    assert identity_of(FileExtractor(path=str(copy)), 1) == known
    assert identity_of(replace(config, id_column="id"), 0) != known
    written(path, features=list(FEATURES + 1))
    assert identity_of(config, 0) != known
