"""Files are hashed while they are decoded, and known again however they were hashed."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_cache import entries, read
from small_sources import random_images, write_folder

import rlsel.data.decoding.cache as cache_module
import rlsel.data.decoding.contents as contents_module
import rlsel.data.decoding.crew as crew_module
from rlsel.data.decoding.contents import contents_of, read_and_hash
from rlsel.data.decoding.crew import Crew
from rlsel.data.image_set import ImageSet
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource
from rlsel.errors import InputError
from rlsel.machine import mapped


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read, one entry for each time."""
    done: list[str] = []
    bytes_of_small = contents_module._bytes_of_small

    def counted(file: str | Path) -> bytes | None:
        done.append(str(file))
        return bytes_of_small(file)

    monkeypatch.setattr(contents_module, "_bytes_of_small", counted)
    return done


def test_a_first_read_reads_every_file_once_and_a_second_none(
    source: FolderSource, reads: list[str]
) -> None:
    read(source)
    assert len(reads) == len(set(reads)) == 6

    read(source)
    assert len(reads) == 6


@pytest.mark.parametrize("small_bytes", [10, 2**22])
def test_files_hashed_while_decoding_and_before_are_the_same(
    source: FolderSource,
    image_cache: Path,
    decodes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    small_bytes: int,
) -> None:
    monkeypatch.setattr(contents_module, "SMALL_BYTES", small_bytes)
    first = read(source).copy()
    shutil.rmtree(image_cache / "content")

    assert np.array_equal(read(source), first)
    assert decodes == ["decoded"]
    assert len(entries(image_cache)) == 1


def test_what_was_not_seen_before_is_hashed_again_where_its_size_is_known(
    source: FolderSource, decodes: list[str], reads: list[str]
) -> None:
    read(source)
    a, b = (Path(str(source.path)) / "a" / name for name in ("000.png", "001.png"))
    content = a.read_bytes(), b.read_bytes()
    a.write_bytes(content[1])
    b.write_bytes(content[0])

    images = read(source)

    assert decodes == ["decoded"] * 2
    assert len(reads) == 6 + 2 * 6
    assert np.array_equal(images[0], random_images(3, 8, 8)[1])


@pytest.mark.parametrize("small_bytes", [2, 3])
def test_a_hash_is_of_content_and_not_of_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_bytes: int
) -> None:
    monkeypatch.setattr(contents_module, "SMALL_BYTES", small_bytes)
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"abd")

    one, other = (read_and_hash(tmp_path / name) for name in "ab")

    assert (one[0], other[0]) == ((b"abc", b"abd") if small_bytes == 3 else (None, None))
    assert one[1] != other[1]


def test_relative_paths_are_remembered_for_their_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "x").write_bytes(b"1")
    os.link(tmp_path / "here" / "x", tmp_path / "there" / "x")

    found = []
    for name in ("here", "there"):
        monkeypatch.chdir(tmp_path / name)
        found.append(contents_of(("x",)))

    assert found[0].listing != found[1].listing
    with Crew() as crew:
        assert found[0].hashed(crew) == found[1].hashed(crew)


@pytest.fixture
def many(tmp_path: Path) -> FolderSource:
    """Two classes of images of two sizes and three modes, of which two cannot be read."""
    root = write_folder(tmp_path / "many", {"a": 23, "b": 40}, patients=3, size=(8, 6))
    for index, mode in enumerate(("L", "RGBA", "RGB")):
        image = Image.fromarray(random_images(1, 16, 12, seed=50 + index)[0])
        image.convert(mode).save(root / "b" / "P01" / f"{index}.png")
    for name in ("a/P00/003.png", "b/P02/008.png"):
        (root / name).write_bytes((root / name).read_bytes()[:50])
    return FolderSource(path=str(root), patient_from="folder")


def read_many(source: FolderSource) -> tuple[ImageSet, tuple[str, ...]]:
    images, notes = read_whole(source, (4, 3), skip_bad=True)
    assert isinstance(images, ImageSet)
    return images, notes


def test_processes_decode_as_threads_do(
    many: FolderSource, image_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_threads, notes = read_many(many)
    shutil.rmtree(image_cache)

    in_processes, same_notes = read_many(in_two_processes(many, monkeypatch))

    assert in_processes.digest == in_threads.digest
    assert same_notes == notes
    assert len(in_processes) == 64


def test_an_image_that_a_process_cannot_read_is_named(
    many: FolderSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"a/P00/003.png: cannot be read .*data.skip_bad: true"):
        read(in_two_processes(many, monkeypatch))


def in_two_processes(source: FolderSource, monkeypatch: pytest.MonkeyPatch) -> FolderSource:
    """The same source, which threads can no longer decode."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("no thread should work")

    monkeypatch.setattr(crew_module, "FOR_A_PROCESS", 20)
    monkeypatch.setattr(crew_module.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(crew_module.ThreadPoolExecutor, "submit", refuse)
    monkeypatch.setattr(cache_module, "_checksums", lambda *_: {})
    return source


def test_decoded_rows_in_a_file_become_the_entry_without_a_copy(
    source: FolderSource, image_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(source).copy()
    shutil.rmtree(image_cache)
    monkeypatch.setattr(mapped, "LARGE_BYTES", 100)
    linked: list[tuple[str, str]] = []
    link = os.link

    def noted(old: str, new: str) -> None:
        linked.append((str(old), str(new)))
        link(old, new)

    monkeypatch.setattr(os, "link", noted)

    assert np.array_equal(read(source), expected)
    ((old, new),) = linked
    assert Path(old).parent == image_cache / "rows"
    assert not Path(old).exists()
    assert Path(new).name == "images.bin"


def test_where_there_are_no_links_the_rows_are_copied(
    source: FolderSource, decodes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(mapped, "LARGE_BYTES", 100)
    monkeypatch.setattr(os, "link", refuse)

    for _ in range(2):
        assert np.array_equal(read(source)[:3], random_images(3, 8, 8))
    assert decodes == ["decoded"]
