"""A kind of sample that no code was written for is refused, not taken for one that it is not."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from rlsel.data import EmbeddingSet, ImageSet, SampleSet, Splits
from rlsel.data.kinds import known
from rlsel.experiment.config import build_experiment
from rlsel.features import Features, FeaturesConfig
from rlsel.features.extract import extract_features
from rlsel.pool import Pool, write_pool
from rlsel.quality.copies import audit_copies
from rlsel.quality.of_run import audit_of
from rlsel.stages.inputs import require_same_kind

NUM, WIDTH = 23, 7


@dataclass(frozen=True)
class TableSet(SampleSet):
    """A kind that `Known` lacks."""

    rows: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    ids: np.ndarray
    patients: np.ndarray | None = None
    noun: ClassVar[str] = "table row"
    content_noun: ClassVar[str] = "cells"
    content: ClassVar[str] = "rows"

    @property
    def shape_text(self) -> str:
        return f"{WIDTH} columns"


def rows(seed: int = 0) -> TableSet:
    values_NF = np.random.default_rng(seed).standard_normal((NUM, WIDTH)).astype(np.float32)
    return TableSet(values_NF, np.arange(NUM) % 2, ("a", "b"), np.arange(NUM).astype(str))


def of_tables() -> tuple[Splits, Pool]:
    return Splits(*(rows(seed) for seed in range(4))), Pool(rows(5), source="a test")


def extract(folder: Path) -> object:
    return extract_features(FeaturesConfig(), *of_tables(), seed=0)


def audit(folder: Path) -> object:
    return audit_copies(rows(0), rows(1), rows(2), np.random.default_rng(0))


def audit_of_a_run(folder: Path) -> object:
    features = Features(*(np.zeros((NUM, 3), np.float32) for _ in range(4)), np.zeros((NUM, 2)))
    return audit_of(*of_tables(), features, seed=0)


def write(folder: Path) -> object:
    return write_pool(of_tables()[1], folder / "pool.parquet")


def check_settings(folder: Path) -> object:
    return require_same_kind(build_experiment({}, "here"), rows())


@pytest.mark.parametrize("use", [extract, audit, audit_of_a_run, write, check_settings])
def test_a_kind_without_a_case_is_taken_for_no_other(
    use: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match=r"TableSet is not among the kinds"):
        use(tmp_path)


def test_a_kind_with_a_case_comes_back_as_it_is() -> None:
    labels, ids = np.zeros(3, dtype=np.int64), np.array(["x", "y", "z"])
    images = ImageSet(np.zeros((3, 5, 7, 3), np.uint8), labels, ("a",), ids)
    embeddings = EmbeddingSet(np.zeros((3, WIDTH), np.float32), labels, ("a",), ids)

    assert known(images) is images
    assert known(embeddings) is embeddings
