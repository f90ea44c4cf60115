"""A data set of twice the memory that is left goes through `check` and a run on probes.

    python benchmarks/memory_limit.py [--left-gib 0.5] [--seeds 0]

The processes are in a Linux control group, whose memory is limited. What they need whatever the
size of the data is measured first, on a small data set without a limit. The limit is that and
`--left-gib` more, and the decoded images of the large data set take twice `--left-gib`. Each cell
reports how the command ended, and the most memory that the group held without files. It
needs the right to make control groups, as root has, of version 1 or 2. Every finished cell is
written to the record at once, and a second start goes on from there.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from recording import Cell, CellRecord

HERE = Path(__file__).parent
SIZE_PX = 96
BYTES_EACH = SIZE_PX**2 * 3
CLASSES = ("normal", "tumour")
NUM_REAL = {"train": 256, "val": 256, "test": 64}
NUM_SMALL = 512
"""Candidates of the small data set."""
GIB = 2**30
SETTINGS: dict[str, Any] = {
    "name": "memory-limit",
    "data": {"size_px": SIZE_PX},
    "features": {
        "extractor": {
            **{"name": "torchvision", "model": "resnet18"},
            **{"weights": "random", "size_px": SIZE_PX},
        }
    },
    "algorithm": {"iterations": 2, "episodes": 16},
    "selection": {"methods": ["uniform", "controller"], "keep_fraction": 0.005},
    "evaluation": {"rounds": 1},
    "classifier": {"epochs": 1, "num_validated_epochs": 1},
    "audit": {"classification_rounds": 0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--left-gib", type=float, default=0.5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--record", type=Path, default=HERE / "records" / "memory_limit.json")
    arguments = parser.parse_args()
    config = {"left_gib": arguments.left_gib, "size_px": SIZE_PX, "settings": SETTINGS}
    record = CellRecord(arguments.record, config, summarise, n=num_draws)
    for seed in arguments.seeds:
        for command in ("check", "run"):
            free = f"{command}/small/{seed}"
            record.fill("memory", {free: partial(measured, command, NUM_SMALL, seed, None)})
            limit_gib = record.cells[free]["held_gib"] + arguments.left_gib
            num = round(2 * arguments.left_gib * GIB / BYTES_EACH)
            key = f"{command}/large/{seed}"
            record.fill("memory", {key: partial(measured, command, num, seed, limit_gib)})
    record.write()


def num_draws(cells: dict[str, Cell]) -> int:
    return len({key.split("/")[2] for key in cells})


def summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """Command and size -> how it ended, and means over the draws."""
    found: dict[str, Any] = {}
    for kind in dict.fromkeys(key.rpartition("/")[0] for key in cells):
        of_kind = [cell for key, cell in cells.items() if key.rpartition("/")[0] == kind]
        figures = ("decoded_gib", "limit_gib", "held_gib")
        known = {name: [cell[name] for cell in of_kind] for name in figures}
        found[kind] = {
            name: None if None in values else float(np.mean(values))
            for name, values in known.items()
        }
        found[kind]["num_ended_well"] = sum(cell["exit_code"] == 0 for cell in of_kind)
    return found


def measured(command: str, num_candidates: int, seed: int, limit_gib: float | None) -> Cell:
    """How a command ends on made-up images, and what it holds."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        config = write_data(folder, num_candidates, seed)
        words = [command, str(config)]
        words += ["--out", str(folder / "run")] if command == "run" else []
        environment = os.environ | {"RLSEL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
        with control_group(limit_gib) as group:
            ended = in_group(group, [sys.executable, "-m", "rlsel", *words], environment)
        return {
            "num_candidates": num_candidates,
            "decoded_gib": (num_candidates + sum(NUM_REAL.values())) * BYTES_EACH / GIB,
            "limit_gib": limit_gib,
            **ended,
        }


def write_data(folder: Path, num_candidates: int, seed: int) -> Path:
    """Real images and candidates as JPEG files in folders of classes, and a config for them."""
    rng = np.random.default_rng(seed)
    for part, num in {**NUM_REAL, "pool": num_candidates}.items():
        for index in range(num):
            label = index % len(CLASSES)
            file = folder / part / CLASSES[label] / f"{index:06d}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            coarse = rng.normal(100 + 40 * label, 40, (12, 12, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(coarse).resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR).save(file)
    sources = {part: str(folder / part) for part in NUM_REAL}
    settings = SETTINGS | {"seed": seed, "pool": {"name": "folder", "path": str(folder / "pool")}}
    settings["data"] = SETTINGS["data"] | {"source": {"name": "folder", **sources}}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings))
    return config


@contextmanager
def control_group(limit_gib: float | None) -> Iterator[Path]:
    """A group of processes whose memory is limited, by control groups of version 1 or 2."""
    first = Path("/sys/fs/cgroup/memory")
    root, limit = (
        (first, "memory.limit_in_bytes") if first.exists() else (first.parent, "memory.max")
    )
    group = root / f"rlsel-benchmark-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise SystemExit(f"{group} cannot be made ({error.strerror}); run this as root") from None
    try:
        if limit_gib is not None:
            (group / limit).write_text(str(int(limit_gib * GIB)))
        yield group
    finally:
        for _ in range(100):  # processes that were killed take a moment to be gone
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)


def in_group(group: Path, command: list[str], environment: dict[str, str]) -> Cell:
    """Run a command in a control group: its exit code, and the most that the group held."""
    # The shell enters the group and becomes the command, so that all of it is counted.
    enter = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [*enter, *command], env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        held = 0.0
        while process.poll() is None:
            held = max(held, _held_gib(group))
            time.sleep(0.2)
        said.seek(0)
        print(said.read())
    return {"exit_code": process.returncode, "held_gib": held}


def _held_gib(group: Path) -> float:
    """Memory of the group but for pages of files, which are given up when it gets short."""
    found = dict(re.findall(r"^(\w+) (\d+)$", (group / "memory.stat").read_text(), re.MULTILINE))
    names = ("total_rss", "total_shmem") if "total_rss" in found else ("anon", "shmem")
    return sum(int(found.get(name, 0)) for name in names) / GIB


if __name__ == "__main__":
    main()
