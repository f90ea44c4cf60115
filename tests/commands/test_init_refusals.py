"""`rlsel init` on what nothing can be learned from: one line that says what to do, no config."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_experiment import refused, rlsel
from small_init import COUNTS, candidates, made, pixels, write_folder, write_table

from rlsel.experiment.yaml_files import read_yaml

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def init_refused(*words: object) -> str:
    said = refused(rlsel("init", *words))
    assert not Path("my.yaml").exists()
    return said


def loose_images() -> str:
    write_folder("loose", {"": 3})
    Path("loose/labels.csv").write_text("file,a,b")
    return "loose"


def several_labels() -> str:
    arrays = {"images": pixels(20), "labels": np.zeros((20, 3), dtype=int)}
    np.savez("chest.npz", **arrays)
    return "chest.npz"


def lists_of_labels() -> str:
    return write_table("lists.parquet", label=[[0, 1]] * 60)


def no_images() -> str:
    pq.write_table(pa.table({"path": ["a.png"], "label": [0]}), "paths.parquet")
    return "paths.parquet"


def several_arrays() -> str:
    Path("arrays").mkdir()
    for name in ("a", "b"):
        np.savez(f"arrays/{name}", images=pixels(2), labels=[0, 1])
    return "arrays"


def nothing() -> str:
    Path("empty").mkdir()
    return "empty"


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (loose_images, "loose: holds 3 images and no class folders (what labels.csv says"),
        (several_labels, "chest.npz: labels: shape (20, 3), but one label per image"),
        (lists_of_labels, "lists.parquet: no column tells the class of an image"),
        (no_images, "paths.parquet: no column holds encoded images"),
        (several_arrays, "arrays: holds several NPZ files; give one of them: a.npz, b.npz"),
        (lambda: "nowhere", "nowhere: no such file or folder"),
        (lambda: "nowhere/*.parquet", "nowhere/*.parquet: no .parquet file is there"),
        (nothing, "empty: holds nothing that is known"),
        (lambda: write_folder("one", {"a": 9}), "one: at least two class folders are needed"),
        (lambda: write_folder("s", {"train/a": 9, "train/b": 9}), "s: of the splits there is only"),
        (lambda: write_folder("x", COUNTS) and "x/normal/0.png", "0.png: is a single image"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(write: Any, expected: str) -> None:
    assert expected in init_refused("--images", write(), *candidates())


def test_too_few_images_for_a_generator_say_what_to_do() -> None:
    said = init_refused("--images", write_folder("few", {"normal": 90, "tumour": 15}))

    assert "8 training images of class 'tumour' are too few" in said
    assert "--candidates" in said


def test_candidates_that_do_not_go_with_the_images_are_refused() -> None:
    write_folder("slides", COUNTS)

    unknown = init_refused("--images", "slides", *candidates({"normal": 8, "tumor": 8}))
    assert "has the class 'tumor', which training lacks; known are normal, tumour" in unknown
    assert "give those too, by --images" in init_refused("--candidates", "slides")


def test_nothing_is_written_over() -> None:
    Path("mine.yaml").write_text("mine")

    said = refused(rlsel("init", "--out", "mine.yaml"))

    assert said.startswith("mine.yaml: is there already; choose another --out")
    assert [path.name for path in Path().iterdir()] == ["mine.yaml"]


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
