"""The cache can never make a run fail, nor change what it reads."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_cache import entries, read

import rlsel
import rlsel.data.decoding.cache as cache_module
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource


def empty(content: bytes) -> bytes:
    return b""


def garble(content: bytes) -> bytes:
    return b"damaged"


def shorten(content: bytes) -> bytes:
    return content[:-9]


def flip_first(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def flip_in_the_middle(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]


def flip_last(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def exchange_two_numbers(content: bytes) -> bytes:
    return content[8:16] + content[:8] + content[16:]


def lengthen(content: bytes) -> bytes:
    return content + bytes(8)


FILES = ("images.bin", "state.json", "checksums.json")
DAMAGES = (
    *(empty, garble, shorten, lengthen),
    *(flip_first, flip_in_the_middle, flip_last, exchange_two_numbers),
    None,
)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_built_again_with_one_line(
    source: FolderSource,
    image_cache: Path,
    decodes: list[str],
    capsys: pytest.CaptureFixture[str],
    file: str,
    damage: Callable[[bytes], bytes] | None,
) -> None:
    expected = read_whole(source, None, False)[0]
    expected = replace(expected, images=expected.images.copy())
    path = entries(image_cache)[0] / file
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    capsys.readouterr()

    again = read_whole(source, None, False)[0]

    assert again.digest == expected.digest
    assert decodes == ["decoded"] * 2
    said = capsys.readouterr().out
    assert said.count("\n") == said.count("is damaged and is built again") == 1
    assert read_whole(source, None, False)[0].digest == expected.digest
    assert decodes == ["decoded"] * 2
    assert len(entries(image_cache)) == 1


@pytest.mark.parametrize("distance", [1, cache_module.SQUARE, cache_module.SQUARE + 1])
def test_numbers_that_change_places_change_the_checksum(tmp_path: Path, distance: int) -> None:
    numbers = np.random.default_rng(0).integers(2**60, size=3 * cache_module.SQUARE**2)
    exchanged = numbers.copy()
    exchanged[[7, 7 + distance]] = numbers[[7 + distance, 7]]
    for name, content in (("numbers", numbers), ("exchanged", exchanged)):
        content.tofile(tmp_path / name)

    one, other = (cache_module._checksum(tmp_path / name, 0) for name in ("numbers", "exchanged"))

    assert one != other


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


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("1152 requested and 10 written"), "No space left on device"),  # as NumPy says it
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "Disk quota exceeded"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "Permission denied"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "Read-only file system"),
    ],
)
def test_a_disk_that_takes_no_images_leaves_no_half_an_entry(
    source: FolderSource,
    image_cache: Path,
    decodes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    reason: str,
) -> None:
    def fail(rgb_NHWC: np.ndarray, file: Path) -> None:
        file.write_bytes(rgb_NHWC.tobytes()[:10])
        raise error

    monkeypatch.setattr(cache_module, "_write_images", fail)

    assert len(read(source)) == len(read(source)) == 6
    assert entries(image_cache) == []
    assert capsys.readouterr().out == (
        f"{image_cache}: going on without a cache ({reason}), so later runs make the same again; "
        "set RLSEL_CACHE to a folder that has room and can be written to\n"
    )


def test_an_entry_that_may_not_be_read_is_decoded_anew(
    source: FolderSource,
    image_cache: Path,
    decodes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = read(source).copy()

    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(cache_module, "_load", refuse)
    capsys.readouterr()

    assert np.array_equal(read(source), expected)
    assert "going on without a cache (Permission denied)" in capsys.readouterr().out
    monkeypatch.undo()
    assert len(decodes) == 2


READER = """
import os, signal, sys
import numpy as np
import rlsel
import rlsel.data.decoding.cache as cache_module
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource

def save_half(rgb_NHWC, file):
    file.write_bytes(rgb_NHWC.tobytes()[:100])
    os.kill(os.getpid(), signal.SIGKILL)

path, dies = sys.argv[1:]
if dies == "dies":
    cache_module._write_images = save_half
print("ready", flush=True)
sys.stdin.readline()
for size in range(2, 23):
    print(read_whole(FolderSource(path=path), (size, size), False)[0].digest)
"""


def start_reader(source: FolderSource, dies: bool = False) -> subprocess.Popen[str]:
    """A process of its own that reads the source in many sizes once it is told to."""
    root = Path(rlsel.__file__).parent.parent
    command = [sys.executable, "-c", READER, str(source.path), "dies" if dies else "lives"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    reader = subprocess.Popen(command, cwd=root, text=True, **pipes)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    return reader


def test_what_a_killed_process_had_half_written_is_not_taken_for_an_entry(
    source: FolderSource,
    image_cache: Path,
    decodes: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader = start_reader(source, dies=True)
    reader.communicate("go\n")
    assert reader.returncode == -signal.SIGKILL
    assert [path.name[0] for path in entries(image_cache)] == ["."]

    read(source, (2, 2))

    assert decodes == ["decoded"]
    assert capsys.readouterr().out == ""


def test_processes_that_build_the_same_entries_at_once_all_succeed(
    source: FolderSource, image_cache: Path
) -> None:
    readers = [start_reader(source) for _ in range(2)]
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write("go\n")
        reader.stdin.flush()
    said = [reader.communicate() for reader in readers]

    expected = [read_whole(source, (size, size), False)[0].digest + "\n" for size in range(2, 23)]
    assert said == [("".join(expected), "")] * 2
    assert len(entries(image_cache)) == len(expected)


def test_whoever_is_slower_with_the_same_entry_leaves_the_first_as_it_is(
    source: FolderSource,
    image_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import rlsel.data.read as read_module

    decode = read_module.decode

    def overtaken(*arguments):
        monkeypatch.setattr(read_module, "decode", decode)
        read(source)
        return decode(*arguments)

    monkeypatch.setattr(read_module, "decode", overtaken)

    assert len(read(source)) == 6
    assert len(entries(image_cache)) == 1
    assert capsys.readouterr().out == ""
