"""`rlsel init`: what lies there is recognised, and a check takes the config that is written."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_experiment import refused, rlsel
from small_init import candidates, init_refused, made, pixels, png, write_folder, write_table

from rlsel.experiment.config import Experiment, default_experiment, load_experiment
from rlsel.experiment.describe import SCHEMA
from rlsel.experiment.yaml_files import read_yaml

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")

COUNTS = {"normal": 30, "tumour": 31}


def test_without_images_the_built_in_default_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Experiment] = []
    monkeypatch.setattr("rlsel.commands.init.write.check_inputs", checked.append)

    assert rlsel("init").code == 0

    assert [one.hash for one in checked] == [default_experiment().hash]
    assert load_experiment(Path("my.yaml")).hash == default_experiment().hash


def test_a_folder_and_candidates_are_written_relative_to_the_config() -> None:
    folder = write_folder("a 'b' \"c\" #1", COUNTS)

    experiment = made("--images", folder, *candidates(), out="sub dir/my run.yaml")

    assert experiment.name == "my-run"
    content = read_yaml(Path("sub dir/my run.yaml"))
    assert content["data"]["source"] == {"name": "folder", "path": f"../{folder}"}
    assert content["pool"] == {"name": "folder", "path": "../made0"}
    assert content["data"]["positive_class"] == "tumour"


def test_it_says_what_it_found_and_what_to_type_next() -> None:
    outcome = rlsel("init", "--images", write_folder("slides", COUNTS), *candidates())

    assert "slides: 61 images in a folder for each class (16x16 px): 30 of 'normal'" in outcome.said
    assert "train 21 22 43 16 x 16" in outcome.said
    assert "rlsel check my.yaml" in outcome.said
    assert "rlsel run my.yaml" in outcome.said


def test_the_schema_that_its_first_line_names_lies_beside_it() -> None:
    made("--images", write_folder("slides", COUNTS), *candidates(), out="deep/my.yaml")

    first = Path("deep/my.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=rlsel.schema.json"
    assert Path("deep/rlsel.schema.json").read_text() == SCHEMA.read_text()


@pytest.mark.parametrize("mine", ["no JSON", "[]", '{"title": "mine"}'])
def test_a_file_of_somebody_else_with_the_name_of_the_schema_stays(mine: str) -> None:
    Path("rlsel.schema.json").write_text(mine)

    outcome = rlsel("init", "--images", write_folder("slides", COUNTS), *candidates())

    assert (outcome.code, outcome.err) == (0, "")
    assert Path("rlsel.schema.json").read_text() == mine
    assert "rlsel.schema.json is there already and not of rlsel, so it stays as" in outcome.said


def test_the_schema_of_an_older_version_is_replaced() -> None:
    Path("rlsel.schema.json").write_text('{"title": "rlsel", "type": "object"}')

    made("--images", write_folder("slides", COUNTS), *candidates())

    assert Path("rlsel.schema.json").read_text() == SCHEMA.read_text()


def test_nothing_is_written_over() -> None:
    Path("mine.yaml").write_text("mine")

    said = refused(rlsel("init", "--out", "mine.yaml"))

    assert said.startswith("mine.yaml: is there already; choose another --out")
    assert [path.name for path in Path().iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    "names",
    [
        ("new\nline", "良性"),
        ("class: 1", "#2"),
        ("'", '"'),
        ("\u2028x", "- y"),
        ("no", "1e3"),
        ("# a\x85b: c", "{}"),
    ],
)
def test_classes_may_be_called_as_they_like(names: tuple[str, str]) -> None:
    counts = dict.fromkeys(names, 20)

    experiment = made("--images", write_folder("x", counts), *candidates(dict.fromkeys(names, 8)))

    assert experiment.data.positive_class is not None


def test_splits_of_a_folder_are_kept() -> None:
    for split in ("train", "val", "test"):
        write_folder(f"slides/{split}", {"a": 12, "b": 9, "c": 10})

    experiment = made("--images", "slides", *candidates({"a": 8, "c": 8}))

    assert "ratios" not in read_yaml(Path("my.yaml"))["data"]
    assert experiment.data.positive_class is None


def test_patients_in_file_names_are_kept_together() -> None:
    write_folder("slides", {"normal": 60, "tumour": 60}, name="P{1}_{0}.png")

    experiment = made("--images", "slides", *candidates())

    assert experiment.data.source.patient_from == "prefix"  # pyright: ignore
    assert "12 patients, none of them in two splits" in " ".join(
        Path("my.yaml").read_text().replace("#", " ").split()
    )


def test_columns_of_parquet_may_be_called_as_they_like() -> None:
    write_table(
        "data/all.parquet",
        verdict=["benign", "malignant"] * 30,
        patient_id=[f"p{index // 2}" for index in range(60)],
        age=[*range(60)],
        sex=["f", "m"] * 30,
    )

    made("--images", "data", *candidates({"benign": 8, "malignant": 8}))

    assert read_yaml(Path("my.yaml"))["data"]["source"] == {
        **{"name": "parquet", "path": "data"},
        **{"image_column": "picture", "label_column": "verdict", "patient_column": "patient_id"},
    }


def test_a_label_among_several_columns_is_asked_for() -> None:
    columns = {"verdict": ["x", "y"] * 30, "stain": ["h", "e"] * 30}
    write_table("d.parquet", **columns)
    write_table("made.parquet", seed=1, **columns)

    said = init_refused("--images", "d.parquet", "--candidates", "made.parquet")
    assert said == (
        "d.parquet: the columns 'verdict', 'stain' may all be the classes; say which, as in "
        "--label-column verdict"
    )
    made(
        *("--images", "d.parquet", "--candidates", "made.parquet", "--label-column", "stain"),
    )
    content = read_yaml(Path("my.yaml"))
    assert content["data"]["source"]["label_column"] == "stain"
    assert content["pool"]["label_column"] == "stain"


def test_a_split_column_or_files_of_splits_in_parquet_are_kept() -> None:
    splits = ["train"] * 30 + ["validation"] * 14 + ["test"] * 16
    write_table("one.parquet", label=[0, 1] * 30, split=splits)
    for seed, split in enumerate(("train", "test")):
        write_table(f"files/{split}-0.parquet", seed=seed + 1, label=[0, 1] * 30)
    made_of = candidates({"0": 8, "1": 8})

    made("--images", "one.parquet", *made_of, out="one.yaml")
    made("--images", "files/*.parquet", *made_of, out="files.yaml")

    assert read_yaml(Path("files.yaml"))["data"]["source"]["path"] == "files/*.parquet"


def test_hugging_face_metadata_tell_image_and_label() -> None:
    features = {"pic": {"_type": "Image"}, "kind": {"names": ["a", "b"], "_type": "ClassLabel"}}
    cells = [{"bytes": png(image), "path": None} for image in pixels(60)]
    table = pa.table({"pic": cells, "mask": cells, "label": [*range(60)], "kind": [0, 1] * 30})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), "hf.parquet")

    experiment = made("--images", "hf.parquet", *candidates({"a": 8, "b": 8}))

    source = read_yaml(Path("my.yaml"))["data"]["source"]
    assert (source["image_column"], source["label_column"]) == ("pic", "kind")
    assert experiment.data.positive_class == "b"


def test_npz_and_pcam_and_stylegan_are_recognised() -> None:
    arrays = {f"{s}_images": pixels(20, seed=n) for n, s in enumerate(("train", "val", "test"))}
    arrays |= {f"{split}_labels": np.arange(20)[:, None] % 2 for split in ("train", "val", "test")}
    np.savez("medmnist.npz", **arrays)
    Path("pcam").mkdir()
    for seed, split in enumerate(("train", "valid", "test")):
        for key, values in (("x", pixels(20, seed=seed)), ("y", np.arange(20) % 2)):
            with h5py.File(f"pcam/camelyonpatch_level_2_split_{split}_{key}.h5", "w") as file:
                file[key] = values
    write_folder("stylegan", {"00000": 60}, name="img{:08d}.png")
    labels = [[f"00000/img{index:08d}.png", index % 2] for index in range(60)]
    Path("stylegan/dataset.json").write_text(json.dumps({"labels": labels}))
    digits = candidates({"0": 8, "1": 8})
    np.savez("made.npz", images=pixels(20, seed=9), labels=np.arange(20) % 2)

    kinds = {
        "npz": made("--images", "medmnist.npz", *digits, out="1.yaml"),
        "pcam_hdf5": made("--images", "pcam", *candidates(), out="2.yaml"),
        "folder": made("--images", "stylegan", "--candidates", "made.npz", out="3.yaml"),
    }

    assert {experiment.data.source.name for experiment in kinds.values()} == set(kinds)
    assert kinds["folder"].pool.name == "npz"


def write_vectors(path: str, num: int, seed: int, **columns: Any) -> str:
    vectors = np.random.default_rng(seed).standard_normal((num, 7)).tolist()
    pq.write_table(pa.table({"uni": vectors, "tissue": ["x", "y"] * (num // 2), **columns}), path)
    return path


def test_embeddings_are_recognised() -> None:
    write_vectors("real.parquet", 100, 0, slide=[f"s{index // 2}" for index in range(100)])
    write_vectors("made.parquet", 20, 1)
    arrays = {
        f"{s}_embeddings": np.random.default_rng(n).standard_normal((20, 5))
        for n, s in enumerate(("train", "val", "test"))
    }
    arrays |= {f"{split}_labels": np.arange(20) % 2 for split in ("train", "val", "test")}
    np.savez("real.npz", **arrays)
    np.savez(
        "made.npz",
        embeddings=np.random.default_rng(9).standard_normal((20, 5)),
        labels=np.arange(20) % 2,
    )

    made("--images", "real.parquet", "--candidates", "made.parquet", out="1.yaml")
    made("--images", "real.npz", "--candidates", "made.npz", out="2.yaml")

    content = read_yaml(Path("1.yaml"))
    assert content["data"]["source"] == {
        **{"name": "embeddings", "path": "real.parquet"},
        **{"vector_column": "uni", "label_column": "tissue", "patient_column": "slide"},
    }
    assert content["pool"]["name"] == "embeddings"
    assert "holds embeddings, and a generator" in refused(rlsel("init", "--images", "real.npz"))
