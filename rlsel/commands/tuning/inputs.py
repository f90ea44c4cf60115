"""The images on which trials are compared, read before any trial starts to find mistakes early."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsel.commands.tuning.grid import Point
from rlsel.experiment.config import Experiment, to_dict
from rlsel.machine.json_files import to_json
from rlsel.machine.progress import track
from rlsel.metrics import Metric
from rlsel.rewards.jobs import Fidelity
from rlsel.stages.inputs import read_inputs

INPUTS = ("data", "pool", "generator", "audit", "classifier", "selection")
"""Blocks of settings on which the inputs may depend."""


@dataclass(frozen=True)
class Images:
    """Facts about the selection-val split of one seed."""

    digest: str
    num: int
    num_of_rarest: int
    """Images of the smallest class."""


@dataclass(frozen=True)
class Judge:
    """Metric, fidelity and images of the figures on selection-val.

    Only points with the same judge can be compared.
    """

    metric: Metric
    fidelity: Fidelity
    images: tuple[Images, ...]
    """One entry per seed."""

    @property
    def num_images(self) -> int:
        return min(images.num for images in self.images)

    def __str__(self) -> str:
        return f"{self.metric} by {self.fidelity} on {self.num_images:,} images"


def read_judges(points: Sequence[Point]) -> list[Judge]:
    """Read the inputs of all trials, equal inputs only once.

    Raises:
        InputError: an input is wrong; the message is that of `rlsel check`.
    """
    wanted = {_inputs_of(e): e for point in points for e in point.experiments}
    found = {
        key: _read(experiment)
        for key, experiment in track(wanted.items(), "Reading inputs", len(wanted))
    }
    return [_judge(p, tuple(found[_inputs_of(e)] for e in p.experiments)) for p in points]


def _inputs_of(experiment: Experiment) -> str:
    settings = to_dict(experiment)
    extractor = settings["features"]["extractor"]
    return to_json([experiment.seed, extractor, *(settings[block] for block in INPUTS)])


def _read(experiment: Experiment) -> Images:
    splits, _ = read_inputs(experiment)
    images = splits.selection_val
    return Images(images.digest, len(images), min(images.counts.values()))


def _judge(point: Point, images: tuple[Images, ...]) -> Judge:
    reward = point.experiments[0].reward
    return Judge(reward.metric, reward.final_fidelity or reward.fidelity, images)
