"""`rlsel init`: what it chooses by the size of things, and what it refuses."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_experiment import Outcome, rlsel
from small_init import candidates, init_refused, made, pixels, write_folder, write_table

from rlsel.commands.init import images as looking
from rlsel.commands.init.limits import Limits, within
from rlsel.pool import ParquetPool

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")

COUNTS = {"normal": 30, "tumour": 31}


def test_without_candidates_a_generator_makes_them() -> None:
    experiment = made("--images", write_folder("slides", COUNTS, side=18))

    assert experiment.generator is not None
    assert experiment.data.size_px in (16, 20)  # 18 px cannot be made


LIMITS = Limits("a test", 64, 32, num_train=20, num_val=12, num_test=14, rounds=1, generator={})


def test_of_many_images_a_part_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlsel.commands.init.choose.limits_here", lambda: LIMITS)
    write_folder("slides", {"normal": 100, "tumour": 101}, side=8)

    experiment = made("--images", "slides", *candidates())

    data = experiment.data
    assert (data.num_train, data.num_val, data.num_test) == (20, 12, 14)
    assert experiment.evaluation.rounds == 1
    assert "Of 141. Delete the line to use all." in Path("my.yaml").read_text().replace(
        "\n  # ", " "
    )


def test_a_larger_validation_is_cut_where_that_leaves_enough_to_train_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rlsel.pool.checks.NUM_VALIDATED", 30)
    write_folder("slides", {"normal": 100, "tumour": 100}, side=8)

    ratios = made("--images", "slides", *candidates()).data.ratios

    assert ratios.train == pytest.approx(0.5, abs=0.05)
    monkeypatch.setattr(looking, "LEAST_TRAIN", 0.6)
    assert made("--images", "slides", *candidates(), out="2.yaml").data.ratios.train == 0.7


def test_a_handful_of_images_is_cut_so_that_every_split_has_some() -> None:
    write_folder("few", {"normal": 12, "tumour": 12})

    assert made("--images", "few", *candidates()).data.ratios.train == 0.5


@pytest.mark.parametrize("broken", ["slides/normal/bad.png", "made0/tumour/bad.png"])
def test_an_image_that_cannot_be_read_is_left_out_and_told(broken: str) -> None:
    words = ("--images", write_folder("slides", COUNTS), *candidates())
    Path(broken).write_text("no image")

    assert made(*words).data.skip_bad
    assert "bad.png" in rlsel("check", "my.yaml").out


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), (64, 64)),
        ((500, 512), (64, 64)),
        ((512, 1024), (32, 64)),
        ((64, 48), (64, 48)),
        ((3000, 30), (64, 8)),
    ],
)
def test_large_images_are_made_smaller_in_their_proportions(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert within(size, 64) == expected


def test_large_images_are_resized_with_the_reason() -> None:
    experiment = made("--images", write_folder("slides", COUNTS, side=90), *candidates())

    assert experiment.data.size_px in (64, 90)  # the latter on a GPU
    if experiment.data.size_px == 64:
        assert "# Your images have 90x90 px." in Path("my.yaml").read_text()


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


def broken_embeddings() -> str:
    np.savez("nan.npz", embeddings=np.full((20, 3), np.nan), labels=np.arange(20) % 2)
    return "nan.npz"


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
        (broken_embeddings, "nan.npz, embeddings 0: the embedding holds NaN;"),
        (lambda: "nowhere", "nowhere: no such file or folder"),
        (lambda: "nowhere/*.parquet", "nowhere/*.parquet: no .parquet file is there"),
        (nothing, "empty: holds nothing that is known"),
        (lambda: write_folder("one", {"a": 9}), "one: at least two class folders are needed"),
        (lambda: write_folder("s", {"train/a": 9, "train/b": 9}), "s: of the splits there is only"),
        (
            lambda: write_folder("y", COUNTS) and "y/*/*.png",
            "a glob names Parquet files alone, and",
        ),
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


@pytest.mark.parametrize(
    "words", [("--images", ""), ("--images", "slides", "--candidates", ""), ("--candidates", "")]
)
def test_an_empty_path_is_refused(words: tuple[str, ...]) -> None:
    write_folder("slides", COUNTS)

    assert re.search("an empty path|give those too, by --images", init_refused(*words))


def test_a_label_column_is_refused_where_nothing_has_columns() -> None:
    words = ("--images", write_folder("slides", COUNTS), "--label-column", "zz")

    assert "--label-column zz names a column of Parquet" in init_refused(*words, *candidates())
    assert "--label-column zz names a column of Parquet" in init_refused(*words)


def test_beside_a_folder_of_images_the_label_column_is_that_of_the_candidates() -> None:
    write_table("c.parquet", label=["a", "b"] * 30, kind=["normal", "tumour"] * 30)
    write_folder("slides", COUNTS)

    words = ("--images", "slides", "--candidates", "c.parquet", "--label-column", "kind")

    pool = made(*words).pool
    assert isinstance(pool, ParquetPool)
    assert pool.label_column == "kind"


def test_a_generated_folder_is_taken_by_its_pool() -> None:
    """Pictures lie beside a pool.parquet that was generated, a table beside exported images."""
    write_table("gan/pool.parquet", label=["normal", "tumour"] * 30)
    write_folder("gan", {"figures": 2})
    write_folder("chosen", {"normal": 8, "tumour": 8})
    pq.write_table(pa.table({"id": ["a"], "kept": [True]}), "chosen/selection.parquet")
    write_folder("slides", COUNTS)

    by_generate = made("--images", "slides", "--candidates", "gan", out="1.yaml")
    by_export = made("--images", "slides", "--candidates", "chosen", out="2.yaml")

    assert (by_generate.pool.name, by_export.pool.name) == ("parquet", "folder")


def test_help_shows_what_to_type() -> None:
    outcome: Outcome = rlsel("init", "--help")

    assert "rlsel init --images slides --candidates gan_images" in outcome.out
