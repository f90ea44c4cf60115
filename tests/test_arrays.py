"""`rlsel.select`: arrays in, a mask over the candidates out."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_experiment import (
    evaluators_fixture,  # noqa: F401
)

import rlsel
from rlsel.errors import InputError
from rlsel.runs.record import Record
from rlsel.selectors import Selection

NUM_CANDIDATES = 29
Labelled = tuple[np.ndarray, np.ndarray]
SHORT: dict[str, Any] = {
    "features": {"extractor": {"epochs": 1}, "num_batches": 3},
    "classifier": {"epochs": 1},
    "algorithm": {"iterations": 1, "episodes": 2, "num_env_runners": 0},
    "selection": {"methods": ["controller"]},
    "evaluation": {"rounds": 1},
    "evaluators": {"count": 1},
}


def labelled(num: int, num_classes: int = 2, side: int = 16) -> Labelled:
    rng = np.random.default_rng(num)
    labels_N = rng.permutation(np.arange(num) % num_classes)
    return rng.integers(0, 256, (num, side, side, 3), np.uint8), labels_N


def select(**changed: Any) -> Selection:
    arguments: dict[str, Any] = {
        "train": labelled(20),
        "val": labelled(22),
        "candidates": labelled(NUM_CANDIDATES),
    }
    return rlsel.select(**(arguments | SHORT | changed))


@pytest.mark.slow
def test_the_mask_is_in_the_order_of_the_candidates(evaluators_up: None, tmp_path: Path) -> None:
    selection = select(out=tmp_path / "run")

    table = pq.read_table(tmp_path / "run" / "selection.parquet")
    assert table.column("candidate_id").to_pylist() == [
        f"candidates-{index:06d}" for index in range(NUM_CANDIDATES)
    ]
    assert table.column("class").to_pylist() == [str(c) for c in labelled(NUM_CANDIDATES)[1]]
    assert selection.kept_N.shape == (NUM_CANDIDATES,)
    assert table.column("kept").to_pylist() == selection.kept_N.tolist()
    assert selection.score_N is not None
    assert table.column("keep_probability").to_pylist() == selection.score_N.tolist()


@pytest.mark.slow
def test_final_scores_are_made_only_where_test_images_are_given(
    evaluators_up: None, tmp_path: Path
) -> None:
    select(out=tmp_path / "without")
    select(out=tmp_path / "with", test=labelled(23), class_names=("normal", "tumour"))

    assert Record.read(tmp_path / "without").scores == {}
    scores = Record.read(tmp_path / "with").scores
    assert set(scores) == {"real_only", "controller"}
    assert len(scores["controller"]["accuracy"]) == 1


@pytest.mark.slow
def test_a_folder_of_other_arrays_is_refused(evaluators_up: None, tmp_path: Path) -> None:
    once = select(out=tmp_path / "run")
    written = (tmp_path / "run" / "pool.parquet").read_bytes()
    again = select(out=tmp_path / "run")

    assert np.array_equal(once.kept_N, again.kept_N)
    with pytest.raises(InputError, match="the candidates have changed since this run began"):
        select(out=tmp_path / "run", candidates=labelled(NUM_CANDIDATES + 2))
    assert (tmp_path / "run" / "pool.parquet").read_bytes() == written


IMAGES, LABELS = labelled(24)
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "floats": ({"train": (IMAGES / 255, LABELS)}, "train: images must be uint8 of shape"),
    "grey": ({"val": (IMAGES[..., 0], LABELS)}, r"val: images must be .*, not uint8 of \(24, 16"),
    "channels first": (
        {"candidates": (IMAGES.transpose(0, 3, 1, 2), LABELS)},
        r"candidates: images must be .* of \(24, 3, 16, 16\)",
    ),
    "names": ({"train": (IMAGES, np.array(["a", "b"] * 12))}, "train: labels must be 24 integers"),
    "fewer labels": ({"test": (IMAGES, LABELS[:23])}, r"test: labels must be .* of \(23,\)"),
    "one-hot": ({"train": (IMAGES, np.eye(2, dtype=int)[LABELS])}, r"not int64 of \(24, 2\)"),
    "nothing": ({"candidates": (IMAGES[:0], LABELS[:0])}, "candidates: there is not a single"),
    "unknown class": (
        {"candidates": labelled(24, num_classes=3)},
        "candidates: labels run from 0 to 2, but the classes are 0 '0', 1 '1'",
    ),
    "negative": ({"val": (IMAGES, LABELS - 1)}, "val: labels run from -1 to 0"),
    "one class": ({"train": (IMAGES, 0 * LABELS), "class_names": ("a", "b")}, "has none of class"),
    "one name for two": ({"class_names": ("a", "a")}, "class_names has 'a' more than once"),
    "copies dropped": (
        {"audit": {"drop_copies": True}},
        "audit.drop_copies is true, but the mask is over all candidates",
    ),
    "generator": ({"generator": {"name": "histogan"}}, "generator is given, but the candidates"),
    "another size": ({"val": labelled(24, side=20)}, "differ in size .*val 20 x 20"),
    "small pool": ({"candidates": labelled(12)}, "has 6 candidates of class '0'; at least 8"),
    "unknown option": ({"algoritm": {}}, r"rlsel.select: unknown key algoritm \(did you mean alg"),
    "wrong option": ({"seed": "three"}, "rlsel.select: seed is 'three'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_before_anything_is_trained(mistake: str) -> None:
    changed, message = MISTAKES[mistake]

    with pytest.raises(InputError, match=message):
        select(**changed)
