"""Embeddings are read with their labels, splits, ids and patients, or refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_embeddings import CLASSES, WIDTH, vectors, write_embeddings

from rlsel.data import DataConfig, EmbeddingSet, EmbeddingsSource, Ratios, load_splits
from rlsel.data.sources import WHOLE, read_embeddings
from rlsel.data.sources.recognise import recognise
from rlsel.errors import InputError
from rlsel.pool.recognise import recognise_pool

NUM = 37


def read(path: Path, **settings: Any) -> EmbeddingSet:
    parts, _ = read_embeddings(EmbeddingsSource(path=str(path), **settings))
    return parts[WHOLE]


@pytest.mark.parametrize("kind", ["fixed", "list", "double", "tensor"])
def test_every_kind_of_column_gives_the_same_vectors(kind: str, tmp_path: Path) -> None:
    found = read(write_embeddings(tmp_path / "a.parquet", NUM, kind=kind))

    expected_NF, labels_N = vectors(NUM)
    assert found.vectors.dtype == np.float32
    assert np.array_equal(found.vectors, expected_NF)
    assert found.labels.tolist() == labels_N.tolist()
    assert found.class_names == CLASSES
    assert found.ids[1] == "a:1"


def test_ids_and_patients_are_those_of_the_file(tmp_path: Path) -> None:
    ids, patients = [f"s{i}" for i in range(NUM)], [i // 3 for i in range(NUM)]
    path = write_embeddings(tmp_path / "a.parquet", NUM, id=ids, who=patients)

    found = read(path, patient_column="who")

    assert found.ids.tolist() == ids
    assert found.patients is not None
    assert found.patients.tolist() == [str(patient) for patient in patients]


def test_a_column_split_is_obeyed_and_patients_that_are_not_named_are_pointed_out(
    tmp_path: Path,
) -> None:
    split = np.array(["train"] * 13 + ["val"] * 12 + ["test"] * 12)
    path = write_embeddings(
        tmp_path / "a.parquet", NUM, split=split, patient_id=[str(i) for i in range(NUM)]
    )

    splits = load_splits(DataConfig(source=EmbeddingsSource(path=str(path))), 0)

    assert [len(part) for part in splits.named().values()] == [13, 6, 6, 12]
    assert isinstance(splits.train, EmbeddingSet)
    assert any("patient_column: patient_id" in caution for caution in splits.cautions)


def test_equal_ids_of_two_splits_are_told_apart(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_embeddings(tmp_path / f"{split}.parquet", 20, id=[f"s{i}" for i in range(20)])

    parts, _ = read_embeddings(EmbeddingsSource(path=str(tmp_path)))

    assert [part.ids[0] for part in parts.values()] == ["test/s0", "train/s0", "val/s0"]


def test_npz_arrays_are_read_by_their_names(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {}
    for seed, split in enumerate(("train", "val", "test")):
        x_NF, labels_N = vectors(20, seed)
        arrays |= {f"{split}_embeddings": x_NF, f"{split}_labels": labels_N}
    np.savez(tmp_path / "a.npz", **arrays)

    source = EmbeddingsSource(path=str(tmp_path / "a.npz"), class_names=CLASSES)
    splits = load_splits(DataConfig(source=source), 0)

    assert splits.class_names == CLASSES
    assert np.array_equal(splits.train.values, vectors(20, 0)[0])
    assert len(splits.test) == 20


def test_the_width_is_told_by_check(tmp_path: Path) -> None:
    assert read(write_embeddings(tmp_path / "a.parquet", NUM)).shape_text == f"{WIDTH} numbers"


def broken(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table({"label": ["a", "b", "a"], **columns}), path)
    return path


GOOD = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


@pytest.mark.parametrize(
    ("columns", "settings", "said"),
    [
        ({"x": ["a", "b", "c"]}, {}, "no column holds vectors"),
        ({"x": GOOD, "y": GOOD}, {}, "columns of vectors are x, y"),
        ({"x": GOOD}, {"vector_column": "z"}, "no column 'z'"),
        ({"x": [[1.0], [2.0, 3.0], [1.0]]}, {}, "row 1: the embedding has another width"),
        ({"x": [[1.0], [float("nan")], [1.0]]}, {}, "row 1: the embedding holds NaN"),
        ({"x": [[1.0], [1e300], [1.0]]}, {}, "row 1: the embedding holds 1e+300, and 1e+15 is"),
        ({"x": [[1.0], [1e30], [1.0]]}, {}, "row 1: the embedding holds 1e+30, and 1e+15 is"),
        ({"x": [[1.0], None, [1.0]]}, {}, "row 1: has no embedding"),
        ({"x": GOOD, "id": ["s", "t", "s"]}, {}, "the id 's' stands there 2 times"),
        ({"x": GOOD, "id": ["s", None, "t"]}, {}, "row 1: column 'id' is empty"),
        ({"x": GOOD, "name": ["s", "t", "u"]}, {"id_column": "nom"}, "no column 'nom'"),
        ({"label": ["a", "a", "a"], "x": GOOD}, {}, "only one class, 'a'"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(
    columns: dict[str, Any], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    path = broken(tmp_path / "bad.parquet", **columns)

    with pytest.raises(InputError) as error:
        read(path, **settings)

    assert said in str(error.value)
    assert "bad.parquet" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"labels": [0, 1]}, "no array train_embeddings or embeddings"),
        ({"embeddings": np.ones((2, 3))}, "no array labels"),
        ({"embeddings": np.ones((2, 3, 4)), "labels": [0, 1]}, "of shape (2, 3, 4)"),
        ({"embeddings": np.ones((3, 3)), "labels": [0, 1]}, "3 embeddings but 2 labels"),
        (
            {"embeddings": np.float32([[1, 2], [3, 1e30]]), "labels": [0, 1]},
            "bad.npz, embeddings 1: the embedding holds 1e+30, and 1e+15 is the largest",
        ),
        ({"embeddings": np.ones((2, 0)), "labels": [0, 1]}, "have no numbers (width 0)"),
        (
            {"embeddings": np.ones((2, 3)), "labels": np.array(["a", "b"], dtype=object)},
            "labels holds Python objects, which are not read; save it as numbers or text, as "
            "labels.astype(str) does",
        ),
    ],
)
def test_npz_files_that_do_not_fit_are_refused(
    arrays: dict[str, Any], said: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)

    with pytest.raises(InputError) as error:
        read(tmp_path / "bad.npz")

    assert said in str(error.value)


def test_widths_that_differ_between_splits_are_refused(tmp_path: Path) -> None:
    arrays = {"train_labels": [0, 1], "test_labels": [0, 1]}
    arrays |= {"train_embeddings": np.ones((2, 3)), "test_embeddings": np.ones((2, 4))}
    np.savez(tmp_path / "bad.npz", **arrays)

    with pytest.raises(InputError, match=r"differ in width \(train 3, test 4\)"):
        read_embeddings(EmbeddingsSource(path=str(tmp_path / "bad.npz")))


def test_messages_say_embedding_and_leave_the_path_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    path = write_embeddings(folder / "image.parquet", 8, labels=[0] * 8)

    with pytest.raises(InputError) as error:
        read(path, class_names=CLASSES)

    said = f"{path}, row 0: no embedding of class {CLASSES[1]!r} is here"
    assert str(error.value) == said


def arrays_of(*prefixes: str, **more: Any) -> dict[str, Any]:
    """Embeddings and labels after each prefix, such as train_."""
    found: dict[str, Any] = {}
    for seed, prefix in enumerate(prefixes):
        x_NF, labels_N = vectors(20, seed)
        found |= {f"{prefix}embeddings": x_NF, f"{prefix}labels": labels_N}
    return found | more


def notes_of(path: Path) -> tuple[str, ...]:
    return read_embeddings(EmbeddingsSource(path=str(path)))[1]


def test_every_word_of_validation_names_the_arrays_of_val(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays_of("train_", "valid_", "Testing_"))

    parts, notes = read_embeddings(EmbeddingsSource(path=str(tmp_path / "a.npz")))

    assert list(parts) == ["train", "val", "test"]
    assert np.array_equal(parts["val"].vectors, vectors(20, 1)[0])
    assert notes == ()


def test_an_npz_array_called_patient_names_the_patients(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays_of("", patient=[i // 2 for i in range(20)]))

    assert read(tmp_path / "a.npz").patients is not None


@pytest.mark.parametrize(
    ("arrays", "unread"),
    [
        (arrays_of("train_", "test_", patients=np.arange(40)), "patients"),
        (arrays_of("", "val_"), "val_embeddings, val_labels"),
        (arrays_of("", features=np.ones((20, 3))), "features"),
        (arrays_of("", slide=np.arange(20)), "slide"),
    ],
)
def test_npz_arrays_that_are_not_read_are_named(
    arrays: dict[str, Any], unread: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)

    assert notes_of(tmp_path / "a.npz")[0].endswith(f"did not read the arrays {unread}")


def test_two_arrays_of_one_meaning_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays_of("train_", "val_", "valid_"))

    with pytest.raises(InputError, match="val_embeddings and valid_embeddings may both be"):
        notes_of(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "setting", ["vector_column", "label_column", "id_column", "patient_column"]
)
def test_a_column_that_is_set_for_an_npz_file_is_refused(setting: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays_of(""))

    with pytest.raises(InputError, match=f"{setting} is 'x', but an NPZ file has no columns"):
        read(tmp_path / "a.npz", **{setting: "x"})


def test_init_and_the_source_know_the_same_npz_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays_of("Train_", "validation_"))

    assert recognise(str(tmp_path / "a.npz")) == EmbeddingsSource(path=str(tmp_path / "a.npz"))


def test_a_file_without_rows_adds_nothing(tmp_path: Path) -> None:
    whole = write_embeddings(tmp_path / "b.parquet", NUM)
    pq.write_table(pq.read_table(whole).slice(0, 0), tmp_path / "a.parquet")

    assert np.array_equal(read(tmp_path).vectors, vectors(NUM)[0])


def test_a_file_of_another_width_is_named(tmp_path: Path) -> None:
    broken(tmp_path / "a.parquet", x=[[1.0, 2.0]] * 3)
    broken(tmp_path / "b.parquet", x=[[1.0, 2.0, 3.0]] * 3)

    with pytest.raises(InputError, match=r"b\.parquet: embeddings have 3 numbers, and those of"):
        read(tmp_path)


def test_a_file_without_the_ids_that_others_have_is_named(tmp_path: Path) -> None:
    broken(tmp_path / "a.parquet", x=GOOD, id=["s", "t", "u"])
    broken(tmp_path / "b.parquet", x=GOOD)

    with pytest.raises(InputError, match=r"b\.parquet: has no column 'id', and .*a\.parquet has"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("v.npy", {"path": "v.npy"}, "is a single array, without labels"),
        ("x.npz", {"train": "x.npz", "test": "x.npz"}, "give an NPZ file as path"),
    ],
)
def test_files_of_numpy_in_the_wrong_place_are_refused_with_the_remedy(
    name: str, settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    here = {key: str(tmp_path / value) for key, value in settings.items()}

    with pytest.raises(InputError, match=said):
        read_embeddings(EmbeddingsSource(**here))


def test_an_export_of_embeddings_is_read_as_a_folder(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "selected.parquet", NUM)
    pq.write_table(
        pa.table({"candidate_id": ["a"], "kept": [True]}), tmp_path / "selection.parquet"
    )

    parts, notes = read_embeddings(EmbeddingsSource(path=str(tmp_path)))

    assert len(parts[WHOLE]) == NUM
    assert "left out 1 file" in notes[0]
    assert recognise_pool(str(tmp_path)).name == "embeddings"


def test_skip_bad_is_refused_for_embeddings() -> None:
    with pytest.raises(ValueError, match="leave skip_bad out"):
        DataConfig(source=EmbeddingsSource(path="x.npz"), skip_bad=True)


@pytest.mark.parametrize(
    ("prefixes", "said"), [(("train_", "val_", "test_"), True), (("",), False)]
)
def test_ratios_of_a_source_that_has_its_splits_are_noted(
    prefixes: tuple[str, ...], said: bool, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays_of(*prefixes))
    source = EmbeddingsSource(path=str(tmp_path / "a.npz"))

    splits = load_splits(DataConfig(source=source, ratios=Ratios(train=0.4, val=0.4, test=0.2)), 0)

    assert any("data.ratios is not used" in note for note in splits.notes) == said


def test_an_npz_file_in_capitals_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays_of(""))
    (tmp_path / "a.npz").rename(tmp_path / "A.NPZ")

    assert len(read(tmp_path / "A.NPZ")) == 20
