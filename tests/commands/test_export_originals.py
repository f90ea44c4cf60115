"""`rlsel export --originals`: the user's own files, and what is said where there are none."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_experiment import rlsel, tiny
from small_export import (
    images_of,
    leave_run,
    pool_of,
    rows_of,
    run_dir_fixture,  # noqa: F401
    run_of,
    run_of_folder,
)

from rlsel.commands import export
from rlsel.data import ImageSet, load_splits
from rlsel.pool import Pool, build_pool, write_pool


def test_originals_are_the_users_own_files_to_the_byte(run_dir: Path, tmp_path: Path) -> None:
    run, pool = run_of_folder(run_dir)
    to = tmp_path / "new"

    outcome = rlsel("export", run, "--to", to, "--originals")

    assert (outcome.code, outcome.err) == (0, "")
    assert "all are your own files" in outcome.said
    kept = [row for row in rows_of(to) if row["kept"]]
    assert 0 < len(kept) < len(pool)
    for row in kept:
        assert row["file"] == row["candidate_id"]
        assert row["is_original"]
        made = tmp_path / "made" / row["candidate_id"]
        assert (to / row["file"]).read_bytes() == made.read_bytes()


def test_resized_copies_are_said_to_be_so(run_dir: Path, tmp_path: Path) -> None:
    run, _ = run_of_folder(run_dir)

    outcome = rlsel("export", run, "--to", tmp_path / "new")

    assert "images are as they were trained on, 16 x 16 px; --originals takes" in outcome.said
    assert {row["is_original"] for row in rows_of(tmp_path / "new")} == {False, None}


@pytest.mark.parametrize("with_ids", [True, False])
def test_originals_in_parquet_come_out_as_they_were_put_in(
    with_ids: bool, run_dir: Path, tmp_path: Path
) -> None:
    large = ImageSet(
        images_of(16, 24), np.arange(16) % 2, ("normal", "tumour"),
        np.array([f"b{i}" for i in range(16)]),
    )  # fmt: skip
    file = tmp_path / "made.parquet"
    write_pool(Pool(large, "a test"), file)
    if not with_ids:
        pq.write_table(pq.read_table(file).select(["image", "label"]), file)
    experiment = tiny(pool={"name": "parquet", "path": str(file)})
    splits = load_splits(experiment.data, experiment.seed)
    pool = build_pool(experiment.pool, splits, experiment.data, experiment.seed)
    leave_run(run_dir, pool, np.arange(16) % 3 > 0, experiment)

    export.export_selection(run_dir, tmp_path / "new", use_originals=True)

    for index, row in enumerate(rows_of(tmp_path / "new")):
        assert row["kept"] == (row["file"] is not None)
        if row["kept"]:
            found = Image.open(tmp_path / "new" / row["file"])
            assert np.array_equal(np.asarray(found), large.images[index])


def test_originals_of_arrays_are_what_npz_holds(run_dir: Path, tmp_path: Path) -> None:
    grey = images_of(16, 24)[..., :1]
    np.savez(tmp_path / "made.npz", images=grey, labels=np.arange(16) % 2)
    names = ["normal", "tumour"]
    experiment = tiny(
        pool={"name": "npz", "path": str(tmp_path / "made.npz"), "class_names": names}
    )
    splits = load_splits(experiment.data, experiment.seed)
    pool = build_pool(experiment.pool, splits, experiment.data, experiment.seed)
    leave_run(run_dir, pool, np.ones(16, bool), experiment)

    export.export_selection(run_dir, tmp_path / "new", use_originals=True)

    for row, pixels in zip(rows_of(tmp_path / "new"), grey, strict=True):
        found = np.asarray(Image.open(tmp_path / "new" / row["file"]))
        assert np.array_equal(found, pixels[..., 0])


def test_where_there_are_no_originals_it_is_said(run_dir: Path, tmp_path: Path) -> None:
    run_of(run_dir, pool_of(("normal", "tumour")))

    outcome = rlsel("export", run_dir, "--to", tmp_path / "new", "--originals")

    assert "0 are your own files; 16 have none: as they were trained on, 16 x 16" in outcome.said
