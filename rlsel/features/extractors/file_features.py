"""Features that were computed elsewhere, matched by the ids of the images.

A real image and a candidate may have the same id. Therefore a column `part` may say which of the
two a row belongs to. Without that column, every id must be that of only one image.

Shape letters: N rows of the file, M images, F size of a feature.
"""

import hashlib
from collections import Counter

import numpy as np
from jaxtyping import Float, Int

from rlsel.data import SampleSet, Splits
from rlsel.data.vectors import find_unusable
from rlsel.errors import InputError
from rlsel.features.extractors.config import FileExtractor
from rlsel.features.extractors.feature_table import FeatureTable, files_of, open_table
from rlsel.machine.wording import counted, first_few

CANDIDATES = "candidates"
"""The value in the column `part` for a candidate; any other value means a real image."""
Rows = dict[str, Int[np.ndarray, " m"]]


def file_identity(config: FileExtractor) -> object:
    """Hashes of the files, and the columns that are read."""
    content = []
    for path in files_of(config):
        with path.open("rb") as file:
            content.append(hashlib.file_digest(file, "blake2b").hexdigest()[:32])
    return config.id_column, config.feature_column, config.part_column, *content


def require_covered(config: FileExtractor, splits: Splits, candidates: SampleSet) -> None:
    """Check that every image has exactly one row. The features themselves are not read.

    Raises:
        InputError: an image has no row, or more than one.
    """
    _rows_of(open_table(config), splits, candidates)


def file_features(
    config: FileExtractor, splits: Splits, candidates: SampleSet
) -> dict[str, Float[np.ndarray, "m f"]]:
    """The features of every image except test, float32, by the field names of `Features`.

    Raises:
        InputError: an image has no features, or features hold NaN, infinity or numbers that are too
            large, or differ in length.
    """
    table = open_table(config)
    rows = _rows_of(table, splits, candidates)
    features_NF = table.read_features()
    chosen = {name: features_NF[rows_M] for name, rows_M in rows.items()}
    for name, features_MF in chosen.items():
        if unusable := find_unusable(features_MF):
            bad = table.ids_N[rows[name][unusable.rows]].tolist()
            raise InputError(
                f"{table.where}: the features of {_some(bad, name)} cannot be used: "
                f"{first_few(bad)}; the first holds {unusable.said}"
            )
    return {name: features_MF.astype(np.float32) for name, features_MF in chosen.items()}


def _rows_of(table: FeatureTable, splits: Splits, candidates: SampleSet) -> Rows:
    real = {
        "train": splits.train.ids,
        "reward_val": splits.reward_val.ids,
        "selection_val": splits.selection_val.ids,
    }
    everything = np.arange(len(table.ids_N))
    if table.parts_N is None:
        _require_no_id_of_two(table, np.concatenate([*real.values()]), candidates.ids)
        of_real, of_candidates = everything, everything
    else:
        is_candidate_N = table.parts_N == CANDIDATES
        of_real, of_candidates = everything[~is_candidate_N], everything[is_candidate_N]
    rows = {name: _found(table, of_real, ids, name) for name, ids in real.items()}
    return rows | {"candidates": _found(table, of_candidates, candidates.ids, "candidates")}


def _require_no_id_of_two(table: FeatureTable, real: np.ndarray, candidates: np.ndarray) -> None:
    both = np.intersect1d(real, candidates).tolist()
    if both:
        raise InputError(
            f"{table.where}: {counted(len(both), 'id')} of a real image and of a candidate too: "
            f"{first_few(both)}; add {table.part_column!r}, which says {CANDIDATES} for rows of "
            "candidates and real for others"
        )


def _found(
    table: FeatureTable, among: np.ndarray, ids: np.ndarray, name: str
) -> Int[np.ndarray, " m"]:
    """The row of each id."""
    listed = table.ids_N[among].tolist()
    row_of = dict(zip(listed, among.tolist(), strict=True))
    missing = [one for one in ids.tolist() if one not in row_of]
    if missing:
        hint = ""
        if not len(among) and table.parts_N is not None:
            told = f"{CANDIDATES}" if name == CANDIDATES else f"anything but {CANDIDATES}"
            hint = f" (no row has {told} in {table.part_column!r})"
        raise InputError(
            f"{table.where}: no features of {_some(missing, name)} of {len(ids):,}: "
            f"{first_few(missing)}{hint}; rlsel check CONFIG.yaml --ids ids.csv lists all that are "
            "needed"
        )
    counts = Counter(listed)
    twice = [one for one in ids.tolist() if counts[one] > 1]
    if twice:
        raise InputError(
            f"{table.where}: more than one row for {_some(twice, name)}: {first_few(twice)}; give "
            "each image one"
        )
    return np.array([row_of[one] for one in ids.tolist()], dtype=np.int64)


def _some(ids: list[str], name: str) -> str:
    """12 candidates, 1 image of train."""
    if name == CANDIDATES:
        return counted(len(ids), "candidate")
    return f"{counted(len(ids), 'image')} of {name}"
