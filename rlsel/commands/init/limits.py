"""Limits on the size of a first run that depend on the machine; the config states the reasons."""

import os
from dataclasses import dataclass

from rlsel.data.decoding.resize import Size
from rlsel.machine.wording import counted

ALMOST_SQUARE = 1.1
"""If the ratio of the sides is below this, the image is made square."""
STEP_PX = 8


@dataclass(frozen=True)
class Limits:
    """Limits on a first run, so that it ends within a reasonable time."""

    machine: str
    """The machine in words."""
    side_px: int
    """Longest side of an image if candidates are given."""
    made_side_px: int
    """Longest side of an image if a generator is trained, which costs far more."""
    num_train: int
    num_val: int
    num_test: int
    rounds: int
    """Rounds of the final scores."""
    generator: dict[str, object]
    """Settings of the GAN."""

    @property
    def num_of_split(self) -> dict[str, int]:
        return {"train": self.num_train, "val": self.num_val, "test": self.num_test}


def limits_here() -> Limits:
    """The limits for this machine."""
    import torch  # takes seconds

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if torch.cuda.is_available():
        return Limits(
            machine="a GPU",
            side_px=128,
            made_side_px=96,
            num_train=20_000,
            num_val=4_000,
            num_test=10_000,
            rounds=5,
            generator={"num_per_class": 2048},
        )
    return Limits(
        machine=f"{counted(cores or 1, 'core')} and no GPU",
        side_px=64,
        made_side_px=32,
        num_train=1_000,
        num_val=1_260,
        num_test=2_000,
        rounds=3,
        # As in tune_configs/histogan_small.yaml, whose training time was measured.
        generator={
            "num_per_class": 512,
            "channels": 24,
            "max_channels": 192,
            "lr_generator": 2e-4,
            "num_images": 360_000,
        },
    )


def within(size: Size, side_px: int) -> Size:
    """A size with about the same proportions whose longer side is at most `side_px`."""
    if max(size) <= side_px:
        return size
    if max(size) < ALMOST_SQUARE * min(size):
        return side_px, side_px
    height, width = (
        max(STEP_PX, STEP_PX * round(side * side_px / max(size) / STEP_PX)) for side in size
    )
    return height, width
