"""A cache of its own for every test here, and the real PCam subset where it is at hand."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def image_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "image-cache"
    monkeypatch.setenv("RLSEL_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def pcam_dir(shared_dir: Path) -> Path:
    folder = shared_dir / "data" / "pcam"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist: it would hold the Parquet subset of PCam")
    return folder
