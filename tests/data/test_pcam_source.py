"""PCam's official HDF5 pairs, here with a handful of patches."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import h5py
import numpy as np
import pytest
from small_sources import random_images

from rlsel.data.read import read_parts
from rlsel.data.sources import PcamHdf5Source, TorchvisionPcamSource
from rlsel.errors import InputError

NUM = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files as the authors of PCam publish them."""
    folder = tmp_path / "pcam"
    folder.mkdir()
    for seed, split in enumerate(("train", "valid", "test")):
        stem = folder / f"camelyonpatch_level_2_split_{split}"
        with h5py.File(f"{stem}_x.h5", "w") as file:
            file["x"] = random_images(NUM, seed=seed)
        with h5py.File(f"{stem}_y.h5", "w") as file:
            file["y"] = (np.arange(NUM, dtype=np.uint8) % 2).reshape(NUM, 1, 1, 1)
    return folder


def read(source: PcamHdf5Source | TorchvisionPcamSource):
    return read_parts(source, None, skip_bad=False)[0]


def test_the_official_files_give_the_official_splits(folder: Path) -> None:
    parts = read(PcamHdf5Source(path=str(folder)))

    assert list(parts) == ["train", "val", "test"]
    assert parts["val"].counts == {"normal": 3, "tumour": 3}
    assert np.array_equal(parts["val"].images, random_images(NUM, seed=1))


def test_the_slide_in_the_meta_file_counts_as_the_patient(folder: Path) -> None:
    rows = "".join(f"{row},slide_{row // 3}\n" for row in range(NUM))
    (folder / "camelyonpatch_level_2_split_train_meta.csv").write_text(f",wsi\n{rows}")

    parts = read(PcamHdf5Source(path=str(folder)))

    assert parts["train"].patients is not None
    assert parts["train"].patients.tolist()[2:4] == ["slide_0", "slide_1"]


def test_a_file_that_is_still_packed_is_named_with_the_command(folder: Path) -> None:
    file = folder / "camelyonpatch_level_2_split_test_x.h5"
    file.rename(f"{file}.gz")

    with pytest.raises(InputError, match=r"test_x.h5.gz: is still packed; run: gunzip "):
        read(PcamHdf5Source(path=str(folder)))


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "camelyonpatch_level_2_split_valid_y.h5").unlink()

    with pytest.raises(InputError, match=r"valid_y.h5: no such file"):
        read(PcamHdf5Source(path=str(folder)))


def test_a_truncated_file_is_named(folder: Path) -> None:
    file = folder / "camelyonpatch_level_2_split_train_x.h5"
    file.write_bytes(file.read_bytes()[:500])

    with pytest.raises(InputError, match=r"train_x.h5: cannot be read as HDF5 with an array x"):
        read(PcamHdf5Source(path=str(folder)))


@pytest.fixture
def fake_torchvision(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """A torchvision that imports at once; returns what it was asked for, as (split, download)."""
    asked: list[tuple[str, bool]] = []

    def pcam(root: Path, split: str, download: bool) -> None:
        asked.append((split, download))
        if not (root / "pcam").exists():
            raise RuntimeError("Dataset not found")

    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", SimpleNamespace(PCAM=pcam))
    return asked


def test_torchvision_is_asked_for_every_split_to_download(
    folder: Path, fake_torchvision: list[tuple[str, bool]]
) -> None:
    parts = read(TorchvisionPcamSource(path=str(folder.parent)))

    assert fake_torchvision == [("train", True), ("val", True), ("test", True)]
    assert len(parts["train"]) == NUM


@pytest.mark.usefixtures("fake_torchvision")
def test_torchvision_without_files_says_how_to_get_them(tmp_path: Path) -> None:
    source = TorchvisionPcamSource(path=str(tmp_path), download=False)

    with pytest.raises(InputError, match="set download: true to fetch it"):
        read(source)


@pytest.mark.slow
def test_the_real_torchvision_finds_the_same_files(folder: Path) -> None:
    """Slow, as it imports torch."""
    source = TorchvisionPcamSource(path=str(folder.parent), download=False)

    assert len(read(source)["train"]) == NUM
