"""What is exported is exactly what was selected, and lies where the table says."""

import errno
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_experiment import (
    evaluators_fixture,  # noqa: F401
    finished_run,
    refused,
    rlsel,
    tiny,
)
from small_export import (
    files_in,
    pool_of,
    rows_of,
    run_dir_fixture,  # noqa: F401
    run_of,
    run_of_folder,
)
from torchvision.datasets import ImageFolder

from rlsel.commands import export
from rlsel.data import load_splits
from rlsel.pool import build_pool


@pytest.mark.slow
def test_the_images_of_a_run_are_those_that_were_kept(evaluators_up: None, tmp_path: Path) -> None:
    finished, to = finished_run(), tmp_path / "selected"
    experiment = tiny()
    splits = load_splits(experiment.data, experiment.seed)
    candidates = build_pool(experiment.pool, splits, experiment.data, experiment.seed).candidates
    kept_N = np.array(pq.read_table(finished / "selection.parquet").column("kept").to_pylist())

    outcome = rlsel("export", finished, "--to", to)

    assert (outcome.code, outcome.err) == (0, "")
    assert f"{kept_N.sum()} selected images written to {to}" in outcome.said
    rows = rows_of(to)
    assert [row["file"] is not None for row in rows] == kept_N.tolist()
    for index in np.flatnonzero(kept_N):
        assert np.array_equal(
            np.asarray(Image.open(to / rows[index]["file"])), candidates.images[index]
        )


@pytest.mark.parametrize(
    "class_names",
    [
        ("良性", "恶性"),
        ("<5mm", ">5mm"),
        ("healthy tissue", "Tumour (grade 3)"),
        ("Normal", "normal"),
        ("é", unicodedata.normalize("NFD", "é")),
        ("a/b", "a_b", "a:b"),
        ("良" * 100, "良" * 100 + "性"),
        ("selection.parquet", "..", ".hidden"),
    ],
)
def test_no_two_classes_share_a_folder(
    class_names: tuple[str, ...], run_dir: Path, tmp_path: Path
) -> None:
    pool = pool_of(class_names)

    exported = export.export_selection(run_of(run_dir, pool), tmp_path / "new")

    assert exported.num_samples == len(pool)
    folders = {path.name for path in (tmp_path / "new").iterdir() if path.is_dir()}
    assert len({unicodedata.normalize("NFC", name).casefold() for name in folders}) == len(folders)
    assert exported.folders.keys() == set(class_names)
    assert set(exported.folders.values()) == folders
    for row in rows_of(tmp_path / "new"):
        assert row["folder"] == exported.folders[row["class"]]
        assert row["file"].startswith(f"{row['folder']}/")


@pytest.mark.parametrize("name", ["良性", "<5mm", "healthy tissue", "Tumour (grade 3)", "v1.5"])
def test_a_folder_is_called_exactly_as_its_class(name: str, run_dir: Path, tmp_path: Path) -> None:
    exported = export.export_selection(run_of(run_dir, pool_of((name, "z"))), tmp_path / "new")

    assert exported.folders[name] == name
    assert not any("is in the folder" in line for line in exported.told(False))


def test_a_class_that_cannot_keep_its_name_is_told(run_dir: Path, tmp_path: Path) -> None:
    run_of(run_dir, pool_of(("Normal", "normal")))

    outcome = rlsel("export", run_dir, "--to", tmp_path / "new")

    assert "class 'normal' is in the folder 'normal~2'" in outcome.said


ODD_IDS = (
    "a/b.png", "a_b.png", "A/B.PNG", "a_b.jpg", "good/a_b.png", "日本", "x" * 300, "x" * 300 + "y",
)  # fmt: skip


def test_every_id_has_a_file_of_its_own_that_holds_its_image(run_dir: Path, tmp_path: Path) -> None:
    to = tmp_path / "new"
    ids = [id_ for odd in ODD_IDS for id_ in (odd, f"other {odd}")]
    pool = pool_of(("good", "bad"), ids)

    exported = export.export_selection(run_of(run_dir, pool), to)

    rows = rows_of(to)
    names = [row["file"] for row in rows]
    assert exported.num_samples == len(pool) == len({name.casefold() for name in names})
    assert files_in(to) == {*names, "selection.parquet"}
    assert not [name for name in names if name.lower().endswith((".png.png", ".jpg.png"))]
    for row, pixels in zip(rows, pool.candidates.images, strict=True):
        assert np.array_equal(np.asarray(Image.open(to / row["file"])), pixels)


def test_ordinary_names_stay_as_they_are(run_dir: Path, tmp_path: Path) -> None:
    run, _ = run_of_folder(run_dir)

    export.export_selection(run, tmp_path / "new")

    assert files_in(tmp_path / "new") - {"selection.parquet"} == {
        row["candidate_id"].replace(".JPG", ".png") for row in rows_of(tmp_path / "new")
        if row["kept"]
    }  # fmt: skip


def test_a_class_of_which_nothing_was_kept_has_an_empty_folder(
    run_dir: Path, tmp_path: Path
) -> None:
    names = ("high", "low", "normal")
    pool = pool_of(names)
    run_of(run_dir, pool, pool.candidates.labels != 1)

    outcome = rlsel("export", run_dir, "--to", tmp_path / "new")

    assert "nothing was kept of 'low'" in outcome.said
    assert ImageFolder(tmp_path / "new", allow_empty=True).classes == [*names]
    assert "16 selected images written" in outcome.said


def test_a_folder_with_something_in_it_is_left_alone(run_dir: Path, tmp_path: Path) -> None:
    run_of(run_dir, pool_of(("normal", "tumour")))
    to = tmp_path / "theses"
    to.mkdir()
    (to / "thesis.tex").write_text("my only copy")

    said = refused(rlsel("export", run_dir, "--to", to))

    assert said == f"{to}: exists and is not empty; choose a new folder"
    assert files_in(to) == {"thesis.tex"}


@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_export_that_fails_blocks_no_other(
    error: BaseException, was_there: bool, run_dir: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run_of(run_dir, pool_of(("normal", "tumour")))
    to, written = tmp_path / "new", []
    if was_there:
        to.mkdir()

    def fail(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > 3:
            raise error
        path.touch()

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", fail)
        assert rlsel("export", run_dir, "--to", to).code != 0

    assert to.exists() == was_there
    assert rlsel("export", run_dir, "--to", to).code == 0
    assert len(files_in(to)) == 17


def test_what_a_killed_export_left_is_cleared_away(run_dir: Path, tmp_path: Path) -> None:
    run_of(run_dir, pool_of(("normal", "tumour")))
    (tmp_path / "new" / ".unfinished" / "normal").mkdir(parents=True)
    (tmp_path / "new" / ".unfinished" / "normal" / "old.png").touch()

    assert rlsel("export", run_dir, "--to", tmp_path / "new").code == 0

    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "normal", "tumour", "selection.parquet",
    }  # fmt: skip


def test_candidates_that_have_changed_are_not_exported(run_dir: Path, tmp_path: Path) -> None:
    run, _ = run_of_folder(run_dir)
    shutil.copy(tmp_path / "made" / "normal" / "0.png", tmp_path / "made" / "normal" / "2.png")

    said = refused(rlsel("export", run, "--to", tmp_path / "new"))

    assert said == (
        f"{run}: the candidates have changed since this run; bring back folder {tmp_path}/made"
    )
    assert not (tmp_path / "new").exists()


def test_a_run_without_a_selection_is_refused(run_dir: Path, tmp_path: Path) -> None:
    (run_of(run_dir, pool_of(("normal", "tumour"))) / "selection.parquet").unlink()

    said = refused(rlsel("export", run_dir, "--to", tmp_path / "new"))

    assert said == f"{run_dir}: has no selection.parquet yet; is the run finished?"


def test_where_the_file_system_refuses_a_class_it_gets_a_name_that_any_takes(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of(run_dir, pool_of(("<5mm", ">5mm")))
    make = Path.mkdir

    def as_on_a_memory_stick(path: Path, *arguments: Any, **named: Any) -> None:
        if set("<>") & set(path.name):
            raise OSError(errno.EINVAL, "Invalid argument")
        make(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", as_on_a_memory_stick)

    exported = export.export_selection(run_dir, tmp_path / "new")

    assert exported.folders == {"<5mm": "_5mm", ">5mm": "_5mm~2"}
    assert exported.num_samples == 16
