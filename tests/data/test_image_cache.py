"""The cache is fast, keyed by content, and can never make a run fail."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from small_sources import encoded, random_images, write_folder

import rlsel.data.decoding.cache as cache_module
from rlsel.data.decoding.cache import cache_folder
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource


@pytest.fixture
def source(tmp_path: Path) -> FolderSource:
    return FolderSource(path=str(write_folder(tmp_path / "images", {"a": 3, "b": 3}, size=(8, 8))))


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that images are really decoded."""
    import rlsel.data.read as read_module

    done: list[str] = []
    decode = read_module.decode

    def counted(*arguments):
        done.append("decoded")
        return decode(*arguments)

    monkeypatch.setattr(read_module, "decode", counted)
    cache_module._say_once.cache_clear()
    return done


def read(source: FolderSource, size: tuple[int, int] | None = None) -> np.ndarray:
    return read_whole(source, size, skip_bad=False)[0].images


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "images").iterdir())


def test_a_second_read_decodes_nothing(source: FolderSource, decodes: list[str]) -> None:
    first, second = read(source), read(source)

    assert decodes == ["decoded"]
    assert np.array_equal(first, second)


def test_a_second_read_gives_the_same_ids_patients_and_notes(tmp_path: Path) -> None:
    write_folder(tmp_path / "images", {"a": 3, "b": 3}, patients=2, size=(8, 8))
    source = FolderSource(path=str(tmp_path / "images"), patient_from="folder")

    (first, notes), (second, same_notes) = (read_whole(source, (4, 4), False) for _ in range(2))

    assert first.digest == second.digest
    assert first.patients is not None
    assert second.patients is not None
    assert first.patients.tolist() == second.patients.tolist()
    assert notes == same_notes == ("resized 6 images from 8x8 to 4x4",)


def test_another_size_is_another_entry(source: FolderSource, image_cache: Path) -> None:
    assert read(source).shape[1:3] == (8, 8)
    assert read(source, (4, 4)).shape[1:3] == (4, 4)
    assert len(entries(image_cache)) == 2


def test_changed_pixels_are_decoded_again(source: FolderSource, decodes: list[str]) -> None:
    before = read(source)[0].copy()
    changed = Path(str(source.path)) / "a" / "000.png"
    changed.write_bytes(encoded(random_images(1, 8, 8, seed=99)[0]))

    after = read(source)[0]

    assert decodes == ["decoded"] * 2
    assert not np.array_equal(before, after)


def test_a_renamed_class_is_read_again(source: FolderSource) -> None:
    read(source)
    root = Path(str(source.path))
    (root / "a").rename(root / "c")

    assert read_whole(source, None, False)[0].class_names == ("b", "c")


def test_touched_or_moved_files_with_the_same_content_are_not_decoded_again(
    source: FolderSource, decodes: list[str], tmp_path: Path
) -> None:
    read(source)
    (tmp_path / "images").rename(tmp_path / "moved")
    os.utime(tmp_path / "moved" / "a" / "000.png", ns=(1, 1))

    read(FolderSource(path=str(tmp_path / "moved")))

    assert decodes == ["decoded"]


@pytest.mark.parametrize("file", ["images.npy", "state.json"])
@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_damaged_entry_is_built_again_with_one_line(
    source: FolderSource,
    image_cache: Path,
    decodes: list[str],
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: bytes | None,
) -> None:
    expected = read(source).copy()
    path = entries(image_cache)[0] / file
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    capsys.readouterr()

    again = read(source)

    assert np.array_equal(again, expected)
    assert decodes == ["decoded"] * 2
    assert capsys.readouterr().out.count("is damaged and is built again") == 1
    assert np.array_equal(read(source), expected)
    assert decodes == ["decoded"] * 2


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"half a ha"])
def test_a_damaged_memo_of_content_is_not_believed(
    source: FolderSource, image_cache: Path, decodes: list[str], content: bytes
) -> None:
    read(source)
    (memo,) = (image_cache / "content").iterdir()
    memo.write_bytes(content)

    read(source)

    assert decodes == ["decoded"]
    assert len(memo.read_bytes()) == 32


def test_a_cache_that_cannot_be_written_is_one_line_and_no_error(
    source: FolderSource,
    image_cache: Path,
    decodes: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    image_cache.write_text("a file where the folder should be")

    assert len(read(source)) == len(read(source)) == 6
    assert decodes == ["decoded"] * 2
    assert capsys.readouterr().out.count("going on without a cache") == 1


def test_a_full_disk_leaves_no_half_an_entry(
    source: FolderSource,
    image_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(path: Path, array: np.ndarray) -> None:
        path.write_bytes(array.tobytes()[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    cache_module._say_once.cache_clear()
    monkeypatch.setattr(cache_module.np, "save", full)

    assert len(read(source)) == 6
    assert entries(image_cache) == []
    assert "No space left on device" in capsys.readouterr().out


def test_writing_to_cached_images_changes_nothing_on_disk(source: FolderSource) -> None:
    images = read(source)
    before = images.copy()
    images[:] = 0

    assert np.array_equal(read(source), before)


def test_without_the_variable_the_cache_is_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RLSEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cache_folder().is_relative_to(tmp_path)
    assert cache_folder().name == "rlsel"
