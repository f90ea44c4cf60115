"""benchmarks/decoding.py: both sides read the same pixels, and its record makes its section."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recording import read_record

from benchmarks import decoding
from benchmarks.throughput.decoding_section import decoding_section

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_script_fills_a_record_that_makes_its_section(tmp_path: Path) -> None:
    record = tmp_path / "decoding.json"
    command = [sys.executable, "benchmarks/decoding.py", "--quick", "--record", str(record)]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, env=os.environ, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = read_record(record)
    assert list(found["summary"]) == list(decoding.KINDS)
    assert "| half PNG, half JPEG |" in decoding_section(found, "decoding")


@pytest.mark.parametrize("kind", ["png", "both"])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_both_sides_read_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, num_workers: int
) -> None:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    folder = str(tmp_path / "images")
    decoding.write_images(Path(folder), decoding.KINDS[kind].suffixes, 13, seed=0)

    rgb_NHWC = decoding.ours(decoding.FILE_PX, folder)()
    batches = decoding.rival(decoding.FILE_PX, folder, num_workers)()
    rgb_NCHW = np.concatenate([images.numpy() for images, _ in batches])

    assert np.array_equal(rgb_NHWC, rgb_NCHW.transpose(0, 2, 3, 1))
    assert len(rgb_NHWC) == 13


def test_a_kind_has_as_many_files_of_each_suffix_in_each_class(tmp_path: Path) -> None:
    decoding.write_images(tmp_path, (".png", ".jpg"), 12, seed=0)

    found = sorted((file.parent.name, file.suffix) for file in tmp_path.rglob("*.*"))
    assert found == sorted(
        (name, suffix) for name in decoding.CLASSES for suffix in (".png", ".jpg") for _ in range(3)
    )


def test_each_pair_is_compared_with_the_fastest_set_up_of_the_rival() -> None:
    def pair(first: float, cached: float, alone: float, two: float) -> dict[str, float]:
        return {"first": first, "cached": cached, "0 workers": alone, "2 workers": two}

    figures = decoding.summarise(
        {"png | 0": pair(1.0, 0.1, 4.0, 2.0), "png | 1": pair(1.0, 0.1, 3.0, 5.0)}
    )["png"]

    assert figures["times_rival.first"] == {"median": 2.5, "min": 2.0, "max": 3.0, "n": 2}
    assert figures["times_rival.cached"]["median"] == 25.0
    assert figures["best_setup"] == "0 workers"
