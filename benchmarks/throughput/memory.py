"""What a process holds for its images, measured in a fresh one.

python -m throughput.memory NUM_IMAGES SIZE_PX    (in benchmarks/) prints it as JSON
"""

import ctypes
import gc
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import torch
from recording import Cell

from rlsel.classifier import ClassifierConfig
from rlsel.data import ImageSet, Splits
from rlsel.machine.json_files import to_json
from rlsel.rewards.jobs import Job
from rlsel.rewards.reward import RewardConfig
from rlsel.rewards.workbench import Workbench

from .constant_features import constant_features

NUM_REAL = 64
NUM_VAL = 64


def measure_memory(num_images: int, size_px: int) -> Cell:
    """Bytes that images and an evaluation of them add to a process; see `grow`."""
    command = [sys.executable, "-m", "throughput.memory", str(num_images), str(size_px)]
    environment = os.environ | {
        "CUDA_VISIBLE_DEVICES": "",  # its memory is not what is measured here
        "OMP_NUM_THREADS": "1",
        # Arrays of images always get pages of their own, never what the heap has to spare.
        "MALLOC_MMAP_THRESHOLD_": str(2**20),
    }
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[1],
        env=environment,
    )
    return json.loads(done.stdout)


def grow(num_images: int, size_px: int) -> Cell:
    """Memory of this process before there are images, with them, and after one evaluation.

    The evaluation trains on `NUM_REAL` images alone, so that what grows is what holds the others.
    A small one goes before: the network, its optimizer and what PyTorch keeps for itself do not
    depend on the number of images. The peak is counted from the small one's.
    """
    torch.set_num_threads(1)
    _evaluate(_workbench(NUM_REAL + 16, size_px))
    before = proportional_bytes()
    _forget_peak()
    _evaluate(_workbench(NUM_REAL + 16, size_px))
    peak_before = _peak_bytes()
    _forget_peak()
    workbench = _workbench(num_images, size_px)
    with_images = proportional_bytes()
    _evaluate(workbench)
    return {
        "num_images": num_images,
        "before_bytes": before,
        "images_bytes": with_images - before,
        "held_bytes": proportional_bytes() - before,
        "peak_bytes": _peak_bytes() - peak_before,
    }


def proportional_bytes() -> int:
    """PSS of this process, with what was freed given back: shared pages count in part."""
    gc.collect()
    with suppress(AttributeError):  # the GNU C library alone has it
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_full_info().pss)


def _forget_peak() -> None:
    """Let the peak start again from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    """Highest resident memory since it was last forgotten."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found, "Linux alone says what the peak was"
    return int(found[1]) * 1024


def _workbench(num_images: int, size_px: int) -> Workbench:
    splits = Splits(
        train=_images("train", NUM_REAL, size_px),
        reward_val=_images("val", NUM_VAL, size_px),
        selection_val=_images("selection", NUM_VAL, size_px),
        test=_images("test", 2, size_px),
    )
    candidates = _images("candidate", num_images - NUM_REAL, size_px)
    # What features take does not depend on the size of an image, and is not asked for here.
    features = constant_features(splits, candidates)
    classifier = ClassifierConfig(epochs=1, num_validated_epochs=1)
    return Workbench.of(splits, candidates, [features], classifier, RewardConfig())


def _images(name: str, number: int, size_px: int) -> ImageSet:
    pixels = np.random.default_rng(number).integers(0, 256, (number, size_px, size_px, 3), np.uint8)
    ids = np.array([f"{name}-{index:06d}" for index in range(number)])
    return ImageSet(pixels, np.arange(number) % 2, ("normal", "tumour"), ids)


def _evaluate(workbench: Workbench) -> None:
    workbench.evaluate(Job(np.zeros(workbench.num_candidates, bool), "full", 0, "reward_val"))


if __name__ == "__main__":
    print(to_json(grow(int(sys.argv[1]), int(sys.argv[2]))))
