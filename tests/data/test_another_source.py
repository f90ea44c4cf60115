"""A source that only `FINDERS` knows is as good as the others; its path is called `file`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import yaml
from another_kind import registered
from small_experiment import refused, rlsel

from rlsel.data import load_splits
from rlsel.data.sources import FINDERS, WHOLE, FileSource, Part
from rlsel.data.sources.labels import class_indices, lacking
from rlsel.data.sources.part import Listing, Payload
from rlsel.data.sources.paths import existing
from rlsel.experiment.config import load_experiment
from rlsel.experiment.json_schema import json_schema
from rlsel.schema import PathText, config

NUM, SIDE = 62, 13


@config
class RawSource:
    """Pixels in a file, and the classes by turns."""

    name: Literal["raw"] = "raw"
    file: PathText
    """The file."""
    others: str = "pixels"
    """No path, though there may be a file called so."""


def raw_parts(source: RawSource) -> dict[str, Part]:
    path = existing(source.file)
    return {WHOLE: Part((path,), "raw", partial(_read, path))}


def _read(path: Path) -> Listing:
    images = np.fromfile(path, np.uint8).reshape(-1, SIDE, SIDE, 3)
    labels, names = class_indices(np.arange(len(images)) % 2, ("even", "odd"), str)
    return Listing(
        names=tuple(f"{i:03d}" for i in range(len(images))),
        labels=labels,
        class_names=names,
        payloads=lambda: (Payload(f"{path}, {i}", image) for i, image in enumerate(images)),
        lacking=lacking(labels, names, str),
    )


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "project"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rng.integers(0, 255, (NUM, SIDE, SIDE, 3), dtype=np.uint8).tofile(folder / "images.raw")
    (folder / "pixels").touch()
    with registered(FINDERS, RawSource, raw_parts):
        yield


def written(**source: str) -> Path:
    path = Path("project/my.yaml")
    content = {"data": {"source": {"name": "raw", "file": "images.raw", **source}}}
    path.write_text(yaml.safe_dump(content | {"pool": {"name": "planted"}}))
    return path


def test_its_path_begins_at_the_folder_of_the_config_and_other_texts_stay(tmp_path: Path) -> None:
    source = load_experiment(written()).data.source

    assert isinstance(source, FileSource)
    assert source == RawSource(file=str(tmp_path / "project" / "images.raw"))


def test_a_project_that_moves_keeps_its_hash(tmp_path: Path) -> None:
    before = load_experiment(written()).hash

    (tmp_path / "project").rename(tmp_path / "elsewhere")

    assert load_experiment(Path("elsewhere/my.yaml")).hash == before


def test_its_images_are_split_as_those_of_any_source() -> None:
    splits = load_splits(load_experiment(written()).data, 0)

    assert splits.class_names == ("even", "odd")
    assert sum(len(part) for part in splits.named().values()) == NUM
    assert splits.train.shape == (SIDE, SIDE, 3)


def test_what_is_wrong_is_told_with_its_settings() -> None:
    path = written(fil="x")

    said = refused(rlsel("check", path))

    assert said == (
        f"{path}: unknown key data.source.fil (did you mean file?); known are file, name, others"
    )


def test_the_schema_has_it() -> None:
    kinds = json_schema()["$defs"]["DataConfig"]["properties"]["source"]["properties"]["name"]

    assert kinds["enum"][-2:] == ["raw", "embeddings"]


@pytest.fixture
def _recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("rlsel.commands.init.choose", "rlsel.pool.recognise"):
        monkeypatch.setattr(f"{module}.recognise", lambda text, label=None: RawSource(file=text))


@pytest.mark.usefixtures("_recognised")
def test_where_it_is_recognised_init_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlsel.commands.init.choose.MIN_TRAIN_PER_CLASS", 8)

    outcome = rlsel("init", "--images", "project/images.raw", "--out", "project/my.yaml")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "62 images read as raw (13x13 px): 31 of 'even', 31 of 'odd'" in outcome.said
    block = yaml.safe_load(Path("project/my.yaml").read_text())["data"]["source"]
    assert block == {"name": "raw", "file": "images.raw", "others": "pixels"}


@pytest.mark.usefixtures("_recognised")
def test_as_candidates_it_is_refused_by_its_name() -> None:
    outcome = rlsel("import", "project/images.raw", "--config", written(), "--to", "pool.parquet")

    assert "holds images that are read as raw, which are real" in refused(outcome)
