"""benchmarks/on_gpu.py: every part runs (tiny, on a CPU), and none keeps the next from running."""

import importlib
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from recording import read_record

from benchmarks.gpu import patches
from benchmarks.gpu.patches import write_paper_patches
from benchmarks.gpu.section import correct_section, paper_section
from benchmarks.throughput.sections import throughput_section

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(name="on_gpu")
def on_gpu_script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    return importlib.import_module("on_gpu")


def run_script(*arguments: str | Path, timeout: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/on_gpu.py", *map(str, arguments)]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_rehearsal_passes_every_part_and_its_records_make_their_sections(tmp_path: Path) -> None:
    # Two minutes of work; its own ten would be too few for a processor that others use too.
    done = run_script("--rehearse", "--budget", "40", "--to", tmp_path, timeout=1400)

    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-4:]
    assert [text.split(":")[0] for text in last] == ["correct", "throughput", "generator", "paper"]
    assert "agreement 5 of 5, repeats 3 of 3 (3 to the bit), shortage 7 of 7" in last[0]
    assert "traditional_augmentation" in last[3]
    records = {path.stem: read_record(path) for path in tmp_path.glob("*.json")}
    assert "| --- |" in throughput_section(records["reward_throughput_cuda"], "name")
    assert "| shortage: prediction | yes |" in correct_section(records["gpu_correct"], "name")
    assert "| controller |" in paper_section(records["gpu_paper"], "name").lower()
    assert (tmp_path / "gpu_paper_grid.png").stat().st_size > 100


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_how_to_rehearse() -> None:
    done = run_script(timeout=60)

    assert done.returncode == 2
    assert "no CUDA device" in done.stdout
    assert "--rehearse" in done.stdout


def test_a_part_that_fails_or_hangs_is_told_and_the_next_has_its_budget(
    on_gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, float] = {}

    def part(name: str, code: str) -> object:
        def command(record: Path, seconds: float, rehearse: bool) -> list[str]:
            given[name] = seconds
            return ["-c", f"record = {str(record)!r}\n" + code]

        return on_gpu.Part(0.05, f"{name}.json", command, lambda summary: str(summary["figure"]))

    write = "import json; json.dump({'summary': {'figure': 7}}, open(record, 'w'))\n"
    parts = {
        "fails": part("fails", "raise SystemExit(3)"),
        "hangs": part("hangs", write + "import time; time.sleep(60)"),
        "works": part("works", write),
    }
    monkeypatch.setattr(on_gpu, "PARTS", parts)

    lines, all_well = on_gpu._run_parts(Namespace(part=None, budget=None, rehearse=True), tmp_path)

    assert not all_well
    assert lines[0].startswith("fails: no figure (FileNotFoundError); ended with exit code 3")
    assert lines[1].startswith("hangs: 7; the time was up")
    assert lines[2].startswith("works: 7 (")
    # What the first left of its three seconds went to the second, which left nothing.
    assert given["hangs"] > 3.5
    assert given["works"] < 3.5


def write_pcam(folder: Path, counts: dict[str, list[tuple[int, int]]]) -> None:
    """Files of (label 0, label 1) patches; every image is unlike the others."""
    folder.mkdir(parents=True)
    number = 0
    for split, files in counts.items():
        for index, of_label in enumerate(files):
            labels = np.repeat([0, 1], of_label)
            names = [f"{number + i}" for i in range(len(labels))]
            number += len(labels)
            table = pa.table(
                {
                    "image": [{"bytes": name.encode(), "path": name} for name in names],
                    "label": labels,
                }
            )
            pq.write_table(table, folder / f"{split}-{index:05d}-of-{len(files):05d}.parquet")


def names_of(folder: Path, split: str) -> list[tuple[str, int]]:
    (path,) = folder.glob(f"{split}-*.parquet")
    table = pq.read_table(path)
    return [
        (image["path"], label)
        for image, label in zip(table["image"].to_pylist(), table["label"].to_pylist(), strict=True)
    ]


def test_the_paper_s_counts_are_drawn_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "NUM_BY_LABEL", {0: 5, 1: 3})
    counts = {"train": [(7, 4), (4, 7)], "valid": [(3, 2)], "test": [(2, 3)]}
    write_pcam(tmp_path / "pcam", counts)

    for target in ("once", "twice"):
        write_paper_patches(tmp_path / "pcam", tmp_path / target)
    write_paper_patches(tmp_path / "once", tmp_path / "of the draw itself")

    drawn = names_of(tmp_path / "once", "train")
    assert sorted(label for _, label in drawn) == [0] * 5 + [1] * 3
    assert len(set(drawn)) == 8
    assert names_of(tmp_path / "twice", "train") == drawn
    assert names_of(tmp_path / "of the draw itself", "train") == drawn
    assert len(names_of(tmp_path / "once", "valid")) == 5
    assert len(names_of(tmp_path / "once", "test")) == 5


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"train": [(7, 4)], "valid": [(3, 2)]}, "has no test-"),
        ({"train": [(7, 2)], "valid": [(3, 2)], "test": [(1, 1)]}, "holds 2 patches of label 1"),
    ],
)
def test_what_lacks_patches_is_told_in_one_line(
    counts: dict, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "NUM_BY_LABEL", {0: 5, 1: 3})
    write_pcam(tmp_path / "pcam", counts)

    with pytest.raises(SystemExit, match=said) as raised:
        write_paper_patches(tmp_path / "pcam", tmp_path / "target")

    assert "\n" not in str(raised.value)
