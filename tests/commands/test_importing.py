"""`rlsel import`: somebody else's images become a pool, copies among them are found."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_experiment import refused, rlsel, tiny, write_config

from rlsel.data import load_splits
from rlsel.data.phantom import PhantomPool
from rlsel.pool import build_pool, read_pool

SOURCE = {"source": {"name": "phantom", "num_train": 60, "num_val": 120, "num_test": 20}}
NUM_COPIES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of each class; the first tumours are training images, a little lighter."""
    path = tmp_path_factory.mktemp("others")
    experiment = tiny(data=SOURCE)
    splits = load_splits(experiment.data, 0)
    pool = build_pool(PhantomPool(num_candidates=24), splits, experiment.data, 0)
    for label, name in enumerate(splits.class_names):
        images = pool.candidates.images[pool.candidates.labels == label].copy()
        if name == "tumour":
            originals = splits.train.images[splits.train.labels == label][:NUM_COPIES]
            images[:NUM_COPIES] = np.clip(originals.astype(int) + 7, 0, 255)
        (path / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(path / name / f"{i:02d}.png")
    return path


def test_a_folder_becomes_a_pool_and_its_copies_are_told(folder: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data=SOURCE)

    outcome = rlsel(
        "import", folder, "--config", config, "--to", tmp_path / "p.parquet", "--source", "theirs"
    )

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "24 candidates written to" in outcome.said
    assert "warning" not in outcome.said
    found = re.search(r"(\d+) of \d+ candidates copy a training image", outcome.said)
    assert found
    assert int(found[1]) >= NUM_COPIES
    pool = read_pool(tmp_path / "p.parquet")
    assert pool.candidates.counts == {"normal": 12, "tumour": 12}
    assert pool.source == "theirs"
    with Image.open(tmp_path / "p.copies.png") as picture:
        assert picture.width > picture.height


def test_a_label_column_of_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data=SOURCE)
    to = tmp_path / "p.parquet"

    said = refused(rlsel("import", folder, "--config", config, "--to", to, "--label-column", "zz"))

    assert "--label-column zz names a column of Parquet" in said
    assert not to.exists()


def test_copies_are_left_out_where_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data=SOURCE)

    outcome = rlsel(
        "import", folder, "--config", config, "--to", tmp_path / "p.parquet", "--drop-copies"
    )

    assert outcome.code == 0, outcome
    left = read_pool(tmp_path / "p.parquet")
    assert left.candidates.counts["tumour"] <= 12 - NUM_COPIES
    assert f"{len(left)} candidates written" in outcome.said


def test_a_pattern_that_all_images_of_a_class_share_is_told(folder: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data=SOURCE)
    for path in folder.glob("*/*.png"):
        image = np.asarray(Image.open(path)).astype(float)
        if path.parent.name == "normal":
            image += np.random.default_rng(0).normal(0, 40, image.shape)
        changed = tmp_path / "theirs" / path.parent.name / path.name
        changed.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(changed)

    outcome = rlsel(
        "import", tmp_path / "theirs", "--config", config, "--to", tmp_path / "p.parquet"
    )

    assert outcome.code == 0, outcome
    assert "warning: candidates of 'normal' share one pattern" in outcome.said
    assert "candidates of 'tumour' share" not in outcome.said


def test_a_pool_that_is_there_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data=SOURCE)
    (tmp_path / "p.parquet").write_text("mine")

    said = refused(rlsel("import", folder, "--config", config, "--to", tmp_path / "p.parquet"))

    assert "p.parquet: is there already; choose another --to" in said
    assert (tmp_path / "p.parquet").read_text() == "mine"


@pytest.mark.parametrize("images", ["nowhere", "nowhere/*.parquet", "nowhere.npz"])
def test_images_that_are_not_there_are_named(images: str, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data=SOURCE)

    said = refused(
        rlsel("import", tmp_path / images, "--config", config, "--to", tmp_path / "p.parquet")
    )

    assert "nowhere" in said
    assert not (tmp_path / "p.parquet").exists()
