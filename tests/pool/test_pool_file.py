"""A pool survives its file, and files made elsewhere are pools too."""

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsel.errors import InputError
from rlsel.pool import Pool, parquet_file, read_pool, write_pool


@pytest.fixture
def pool(image_set) -> Pool:
    candidates = image_set({"normal": 5, "tumour": 6})
    kinds = np.array(["right_label", "wrong_label"] * 5 + ["blurred"])
    return Pool(
        candidates,
        "histogan run 3",
        kinds=kinds,
        useful=kinds == "right_label",
        trained_on=np.array(["00ff", "a1b2"]),
        notes=("dropped 3 candidates that copy a training image",),
    )


def test_a_pool_comes_back_as_it_was_written(pool: Pool, tmp_path: Path) -> None:
    write_pool(pool, tmp_path / "deep" / "pool.parquet")

    again = read_pool(tmp_path / "deep" / "pool.parquet")

    assert again.digest == pool.digest
    assert (again.source, again.notes) == (pool.source, pool.notes)
    assert again.trained_on is not None
    assert again.trained_on.tolist() == ["00ff", "a1b2"]
    assert np.array_equal(np.asarray(again.kinds), np.asarray(pool.kinds))
    assert np.array_equal(np.asarray(again.useful), np.asarray(pool.useful))


def test_a_pool_without_truth_comes_back_without_truth(pool: Pool, tmp_path: Path) -> None:
    write_pool(Pool(pool.candidates, "gan"), tmp_path / "pool.parquet")

    again = read_pool(tmp_path / "pool.parquet")

    assert again.kinds is None
    assert again.trained_on is None
    assert again.useful is None


def test_the_file_is_in_the_hugging_face_image_convention(pool: Pool, tmp_path: Path) -> None:
    write_pool(pool, tmp_path / "pool.parquet")

    schema = pq.read_schema(tmp_path / "pool.parquet")

    assert schema.field("image").type == pa.struct({"bytes": pa.binary(), "path": pa.string()})
    assert (
        b'"names": ["normal", "tumour"], "_type": "ClassLabel"' in schema.metadata[b"huggingface"]
    )
    assert {"label", "class", "id", "source", "kind", "useful"} <= set(schema.names)


def test_a_file_made_elsewhere_needs_only_images_and_labels(pool: Pool, tmp_path: Path) -> None:
    file = tmp_path / "pool.parquet"
    write_pool(pool, file)
    pq.write_table(pq.read_table(file).select(["image", "label"]), file)

    again = read_pool(file)

    assert np.array_equal(again.candidates.images, pool.candidates.images)
    assert again.candidates.ids.tolist()[:2] == ["pool:0", "pool:1"]
    assert again.source == f"file {file}"
    assert again.kinds is None


def test_several_files_are_one_pool(pool: Pool, tmp_path: Path) -> None:
    write_pool(pool.take(np.arange(11) % 2 == 0), tmp_path / "a.parquet")
    write_pool(pool.take(np.arange(11) % 2 == 1), tmp_path / "b.parquet")

    again = read_pool(tmp_path / "*.parquet")

    assert sorted(again.candidates.ids) == sorted(pool.candidates.ids)
    assert again.kind_counts == pool.kind_counts


def test_repeated_ids_are_replaced_by_row_names(pool: Pool, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_pool(pool, tmp_path / f"{name}.parquet")

    ids = read_pool(tmp_path / "*.parquet").candidates.ids

    assert len(set(ids.tolist())) == 22


def test_kinds_stay_with_their_candidates_when_a_bad_image_is_left_out(
    pool: Pool, tmp_path: Path
) -> None:
    file = tmp_path / "pool.parquet"
    write_pool(pool, file)
    table = pq.read_table(file)
    cells = table["image"].to_pylist()
    cells[3]["bytes"] = b"damaged"
    pq.write_table(table.set_column(0, "image", pa.array(cells)), file)

    again = read_pool(file, skip_bad=True)

    kept = np.arange(11) != 3
    assert np.array_equal(np.asarray(again.kinds), np.asarray(pool.kinds)[kept])
    assert again.candidates.ids.tolist() == pool.candidates.ids[kept].tolist()


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "no space is left"), (errno.EACCES, "permission is denied")]
)
def test_a_folder_that_cannot_be_written_is_an_input_error(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(parquet_file.pq.ParquetWriter, "write_table", fail)

    with pytest.raises(InputError, match=f"cannot write pool.parquet: {words}"):
        write_pool(pool, tmp_path / "pool.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_useful_column_of_text_is_refused(pool: Pool, tmp_path: Path) -> None:
    file = tmp_path / "pool.parquet"
    write_pool(pool, file)
    table = pq.read_table(file)
    column = table.schema.names.index("useful")
    pq.write_table(table.set_column(column, "useful", pa.array(["perhaps"] * 11)), file)

    with pytest.raises(InputError, match="kind and model must be text, useful true or false"):
        read_pool(file)


def test_kinds_of_another_length_are_refused(pool: Pool) -> None:
    with pytest.raises(ValueError, match="kinds has 3 entries for 11 candidates"):
        Pool(pool.candidates, "x", kinds=np.array(["a", "b", "c"]))


def test_taking_candidates_takes_their_kinds(pool: Pool) -> None:
    some = pool.take(np.array([10, 0]))

    assert some.kind_counts == {"blurred": 1, "right_label": 1}
    assert some.candidates.ids.tolist() == pool.candidates.ids[[10, 0]].tolist()
