"""A cache of its own for every test here, and the real PCam subset where it is at hand.

rlsel is imported in the fixtures: what conftest imports goes unchecked by jaxtyping.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rlsel.data.sources import FolderSource


@pytest.fixture(autouse=True)
def image_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "image-cache"
    monkeypatch.setenv("RLSEL_CACHE", str(folder))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> FolderSource:
    """Two classes of three images each, 8 x 8."""
    from small_sources import write_folder

    from rlsel.data.sources import FolderSource

    return FolderSource(path=str(write_folder(tmp_path / "images", {"a": 3, "b": 3}, size=(8, 8))))


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that images are really decoded."""
    import rlsel.data.read as read_module
    from rlsel.machine.cache.uncached import say_once

    done: list[str] = []
    decode = read_module.decode

    def counted(*arguments):
        done.append("decoded")
        return decode(*arguments)

    monkeypatch.setattr(read_module, "decode", counted)
    say_once.cache_clear()
    return done


@pytest.fixture(scope="session")
def pcam_dir(shared_dir: Path) -> Path:
    folder = shared_dir / "data" / "pcam"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist: it would hold the Parquet subset of PCam")
    return folder
