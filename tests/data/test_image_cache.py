"""The cache is fast, and keyed by content."""

import os
from pathlib import Path

import numpy as np
import pytest
from small_cache import entries, read
from small_sources import encoded, random_images, write_folder

from rlsel.data.decoding.cache import cache_folder
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource
from rlsel.errors import InputError


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


def test_changed_pixels_are_seen_though_size_and_time_of_the_file_are_kept(
    source: FolderSource, decodes: list[str]
) -> None:
    # As where one archive is unpacked over another.
    read(source)
    changed = Path(str(source.path)) / "a" / "000.png"
    before, content = changed.stat(), bytearray(changed.read_bytes())
    other = Path(str(source.path)) / "b" / "000.png"
    padded = other.read_bytes().ljust(len(content), b"\0")
    changed.write_bytes(padded)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (changed.stat().st_size, changed.stat().st_mtime_ns) == (
        before.st_size,
        before.st_mtime_ns,
    )

    images = read(source)

    assert decodes == ["decoded"] * 2
    assert np.array_equal(images[0], images[3])


def test_touched_or_moved_files_with_the_same_content_are_not_decoded_again(
    source: FolderSource, decodes: list[str], tmp_path: Path
) -> None:
    read(source)
    (tmp_path / "images").rename(tmp_path / "moved")
    os.utime(tmp_path / "moved" / "a" / "000.png", ns=(1, 1))

    read(FolderSource(path=str(tmp_path / "moved")))

    assert decodes == ["decoded"]


def test_cached_images_cannot_be_written_to(source: FolderSource) -> None:
    read(source)

    with pytest.raises(ValueError, match="read-only"):
        read(source)[:] = 0


def test_without_the_variable_the_cache_is_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RLSEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cache_folder().is_relative_to(tmp_path)
    assert cache_folder().name == "rlsel"


def test_a_cache_in_the_home_of_nobody_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLSEL_CACHE", "~nobody-of-that-name/cache")

    with pytest.raises(InputError, match="RLSEL_CACHE is '~nobody-of-that-name/cache'"):
        cache_folder()
