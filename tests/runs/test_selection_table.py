"""`selection.parquet` holds what a selection was based on, and gives it back."""

from pathlib import Path

import numpy as np
import pytest
from small_table import small_table

from rlsel.data import ImageSet
from rlsel.errors import InputError
from rlsel.pool import Pool
from rlsel.runs.selection_table import read_selection, selection_of, write_selection
from rlsel.selectors import Selection

NUM = 61
TABLE = small_table(NUM)
BATCH_N = np.arange(NUM) % 7
KEPT_N = np.random.default_rng(0).random(NUM) < 0.3
SCORE_N = np.random.default_rng(1).random(NUM)
LEARNED = Selection("controller", KEPT_N[None], SCORE_N)


def pool(with_truth: bool = True) -> Pool:
    ids = np.array([f"candidate-{index}" for index in range(NUM)])
    images = np.zeros((NUM, 7, 5, 3), np.uint8)
    candidates = ImageSet(images, TABLE.labels, ("normal", "low", "high"), ids)
    kinds = np.where(KEPT_N, "right_label", "wrong_label") if with_truth else None
    return Pool(candidates, "here", kinds=kinds, useful=KEPT_N if with_truth else None)


def test_a_learned_selection_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    write_selection(tmp_path, pool(), TABLE, BATCH_N, LEARNED, LEARNED)

    again = selection_of(tmp_path)

    assert again.method == "controller"
    assert np.array_equal(again.kept_N, KEPT_N)
    assert again.score_N is not None
    assert np.array_equal(again.score_N, SCORE_N)


def test_a_row_holds_all_that_is_known_of_its_candidate(tmp_path: Path) -> None:
    nearest = np.array([f"real-{index}" for index in range(NUM)])
    write_selection(tmp_path, pool(), TABLE, BATCH_N, LEARNED, LEARNED, nearest)

    row = read_selection(tmp_path).to_pylist()[13]

    assert row == {
        "candidate_id": "candidate-13",
        "class": ("normal", "low", "high")[TABLE.labels[13]],
        "batch": 6,
        "distance": TABLE.own_distance[13],
        "nearest_other_distance": TABLE.other_distance[13],
        "knn_label_agreement": TABLE.knn_label_agreement[13],
        "label_log_probability": TABLE.label_log_probability[13],
        "margin": TABLE.margin[13],
        "head_log_probability": TABLE.head_log_probability[13],
        "nearest_real": TABLE.nearest_real[13],
        "nearest_other_class": TABLE.nearest_other_class[13],
        "nearest_candidate": TABLE.nearest_candidate[13],
        "nearest_train": "real-13",
        "keep_probability": SCORE_N[13],
        "kept": KEPT_N[13],
        "kind": "right_label" if KEPT_N[13] else "wrong_label",
        "useful": KEPT_N[13],
    }


def test_keep_probabilities_are_those_of_the_controller_whatever_is_recommended(
    tmp_path: Path,
) -> None:
    other = Selection("free", ~KEPT_N[None], SCORE_N + 1)
    write_selection(tmp_path, pool(), TABLE, BATCH_N, other, LEARNED)

    assert read_selection(tmp_path).column("keep_probability").to_pylist() == SCORE_N.tolist()
    assert selection_of(tmp_path).method == "free"
    assert selection_of(tmp_path).score_N is None
    assert np.array_equal(selection_of(tmp_path).kept_N, ~KEPT_N)


def test_only_the_controller_has_keep_probabilities(tmp_path: Path) -> None:
    centroid = Selection("centroid", KEPT_N[None], SCORE_N)
    write_selection(tmp_path, pool(), TABLE, BATCH_N, centroid, None)

    assert set(read_selection(tmp_path).column("keep_probability").to_pylist()) == {None}
    assert selection_of(tmp_path).score_N is None
    assert selection_of(tmp_path).method == "centroid"


def test_without_a_truth_its_columns_are_empty(tmp_path: Path) -> None:
    uniform = Selection("uniform", KEPT_N[None])
    write_selection(tmp_path, pool(with_truth=False), TABLE, BATCH_N, uniform, None)

    table = read_selection(tmp_path)

    assert set(table.column("kind").to_pylist()) == {None}
    assert set(table.column("useful").to_pylist()) == {None}


def test_a_run_without_a_selection_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no selection\.parquet yet; is the run finished"):
        read_selection(tmp_path)


@pytest.mark.parametrize("method", ["controller", "uniform"])
def test_other_libraries_read_it(method: str, tmp_path: Path) -> None:
    import datasets
    import duckdb
    import pandas as pd
    import polars as pl

    datasets.disable_progress_bars()
    selection = Selection(method, KEPT_N[None], SCORE_N)
    learned = selection if method == "controller" else None
    write_selection(tmp_path, pool(with_truth=False), TABLE, BATCH_N, selection, learned)
    path = str(tmp_path / "selection.parquet")

    cache = str(tmp_path / "cache")
    kept = {
        "pandas": pd.read_parquet(path)["kept"].tolist(),
        "polars": pl.read_parquet(path)["kept"].to_list(),
        "duckdb": [row[0] for row in duckdb.sql(f"SELECT kept FROM '{path}'").fetchall()],
        "datasets": list(datasets.Dataset.from_parquet(path, cache_dir=cache)["kept"]),
    }

    assert {
        reader: np.array_equal(found, KEPT_N) for reader, found in kept.items()
    } == dict.fromkeys(kept, True)
