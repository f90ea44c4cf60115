"""The part `paper`: the paper's whole line on real PCam patches at 96 px, within minutes.

    python -m gpu.paper --to FOLDER --budget-s 300      (in benchmarks/)

`rlsel run tune_configs/pcam_paper.yaml` as a user starts it, with a training of the GAN that lasts
a stated time and as many final rounds as fit. Beside it real images alone with traditional
augmentation, trained with the same seeds. Needs Ray.
"""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from recording import Cell, Cells, write_record
from recording.files import this_machine

from rlsel import metrics
from rlsel.classifier import Resident, Trainer
from rlsel.data import load_splits
from rlsel.experiment.config import Experiment, build_experiment, merge
from rlsel.experiment.yaml_files import read_yaml
from rlsel.generators.histogan.training import Training
from rlsel.generators.training_folder import GRIDS
from rlsel.machine.atomic_files import replacing, write_text
from rlsel.machine.device import best_device
from rlsel.machine.device_memory import release
from rlsel.machine.progress import console
from rlsel.metrics import SCORE_METRICS, mean_and_std
from rlsel.runs.record import FILE_NAME
from rlsel.seeding import derive_seed

from .patches import write_paper_patches
from .size import image_set

CONFIG = Path(__file__).parents[2] / "tune_configs" / "pcam_paper.yaml"
RECORD, GRID = "gpu_paper.json", "gpu_paper_grid.png"
GENERATOR_SHARE, REHEARSED_SHARE = 0.25, 0.01
"""Of the budget, for the training of the GAN."""
OTHER_SHARE = 0.4
"""Of the budget, for reading, features, the audit and the learning."""
MOST_ROUNDS = 3
AUGMENTED = {"flips": True, "colour_jitter": 0.2}
WARM_UP_STEPS, TIMED_STEPS = 3, 20
GRACE_S = 15.0
"""For a run that is stopped to write down what it has."""
REHEARSAL: dict[str, Any] = {
    "data": {
        "source": {"name": "phantom", "num_train": 60, "num_val": 60, "num_test": 30, "size_px": 16}
    },
    "classifier": {"epochs": 1, "batch_size": 16},
    "features": {"extractor": {"epochs": 1, "batch_size": 16}},
    "generator": {"num_per_class": 16, "channels": 8, "max_channels": 16, "batch_size": 16},
    "algorithm": {"iterations": 2, "episodes": 4},
}
LEFT_OUT = ("command", "notes")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, required=True, help="folder of the record and the grid")
    parser.add_argument("--budget-s", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rehearse", action="store_true", help="tiny, on the phantom")
    arguments = parser.parse_args()
    if find_spec("ray") is None:
        raise SystemExit("the part paper needs Ray; gpu_pack.sh gathers it for a machine without")
    until = time.monotonic() + arguments.budget_s
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _Paper(arguments, until, Path(folder)).carry_out()


class _Paper:
    """One passage through the line; the record is written anew after each step."""

    def __init__(self, arguments: argparse.Namespace, until: float, folder: Path) -> None:
        self._arguments, self._until, self._folder = arguments, until, folder
        self._run_dir = folder / "run"
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        self._machine = this_machine(gpu)
        self._summary: dict[str, Any] = {}
        self._cells: Cells = {}

    def carry_out(self) -> None:
        content = self._read_config()
        experiment = build_experiment(content, CONFIG.name)
        share = REHEARSED_SHARE if self._arguments.rehearse else GENERATOR_SHARE
        generator_s = share * self._arguments.budget_s
        rate = self._generator_rate(experiment)
        batch_size = experiment.generator.batch_size if experiment.generator else 1
        num_images = max(1, round(rate * generator_s / batch_size)) * batch_size
        rounds = self._rounds_that_fit(experiment)
        content = merge(
            content,
            {"generator": {"num_images": num_images}, "evaluation": {"rounds": rounds}},
        )
        self._write(plan={
            "generator_images": num_images,
            "generator_images_per_s": rate,
            "generator_planned_s": generator_s,
            "rounds": rounds,
        })  # fmt: skip
        self._run(content)
        self._augmented(build_experiment(content, CONFIG.name), rounds)

    def _read_config(self) -> dict[str, Any]:
        content = {**read_yaml(CONFIG), "seed": self._arguments.seed}
        if self._arguments.rehearse:
            content["data"] = {}
            return merge(content, REHEARSAL)
        shared = os.environ.get("RLSEL_SHARED")
        if shared is None:
            raise SystemExit("RLSEL_SHARED is not set: it names the folder that holds data/pcam")
        write_paper_patches(Path(shared, "data", "pcam"), self._folder / "data" / "pcam")
        os.environ["RLSEL_SHARED"] = str(self._folder)
        return content

    def _generator_rate(self, experiment: Experiment) -> float:
        """Training images a second of the GAN."""
        config, start = experiment.generator, 0.0
        assert config is not None
        training = Training(config, self._noise(experiment, 256), 2, 0)
        for step in range(WARM_UP_STEPS + TIMED_STEPS):
            if step == WARM_UP_STEPS:
                start = _now()
            training.run_step()
        return TIMED_STEPS * config.batch_size / (_now() - start)

    def _rounds_that_fit(self, experiment: Experiment) -> int:
        """Final rounds, by the speed of a short training and what the rest is given."""
        config = replace(experiment.classifier, epochs=1)
        few, many = 2 * config.batch_size, 12 * config.batch_size
        trainer = Trainer(config, self._noise(experiment, many), 2)
        seconds: dict[int, float] = {}
        for num in (few, few, many):  # the first time memory is still to be found
            start = _now()
            trainer.fit(torch.arange(num), 0)
            seconds[num] = _now() - start
        image_s = (seconds[many] - seconds[few]) / (many - few)
        fixed_s = max(0.0, seconds[few] - few * image_s)
        kept = experiment.generator.num_per_class if experiment.generator else 0
        num_train = experiment.data.num_train or 0
        # Real alone and augmented, and three methods that keep about half of two classes.
        images = experiment.classifier.epochs * (5 * num_train + 3 * kept)
        round_s = max(images * image_s + 5 * fixed_s, 1e-9)
        left_s = (1 - GENERATOR_SHARE - OTHER_SHARE) * self._arguments.budget_s
        return min(MOST_ROUNDS, max(1, math.floor(left_s / round_s)))

    def _noise(self, experiment: Experiment, num: int) -> Resident:
        images = image_set("noise", num, experiment.data.size_px or 16)
        return Resident.put(images.images, images.labels, best_device())

    def _run(self, content: dict[str, Any]) -> None:
        """`rlsel run` in a process of its own; stopped when the time is up, what it has is kept."""
        release()
        config = self._folder / "pcam_paper.yaml"
        write_text(config, yaml.safe_dump(content))
        command = [sys.executable, "-m", "rlsel", "run", str(config), "--out", str(self._run_dir)]
        repository = str(CONFIG.parents[1])
        path = os.pathsep.join(filter(None, (repository, os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})
        try:
            process.wait(max(1.0, self._until - time.monotonic() - GRACE_S))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._take_over()
        if process.returncode:
            console.print(f"rlsel run ended with exit code {process.returncode}")
            if not self._summary.get("scores"):
                raise SystemExit(1)

    def _take_over(self) -> None:
        run = json.loads((self._run_dir / FILE_NAME).read_text())
        run = {key: value for key, value in run.items() if key not in LEFT_OUT}
        scores = {name: _means(by_metric) for name, by_metric in run["scores"].items()}
        self._summary |= {"finished": run["finished"], "scores": scores}
        self._write(run=run)
        grids = sorted((self._run_dir / "generator" / GRIDS).glob("step_*.png"))
        if grids:
            with replacing(self._arguments.to / GRID) as temporary:
                shutil.copyfile(grids[-1], temporary)

    def _augmented(self, experiment: Experiment, rounds: int) -> None:
        """Real images alone, mirrored and recoloured: the paper's `traditional augmentation`."""
        splits = load_splits(experiment.data, experiment.seed)
        config = replace(experiment.classifier, **AUGMENTED)
        device = best_device()
        train, test = (
            Resident.put(images.images, images.labels, device)
            for images in (splits.train, splits.test)
        )
        trainer = Trainer(config, train, splits.train.num_classes)
        scores: dict[str, list[float]] = {metric: [] for metric in SCORE_METRICS}
        for number in range(rounds):
            if time.monotonic() > self._until:
                break
            seed = derive_seed(experiment.seed, "round", number)
            fitted = trainer.fit(torch.arange(len(train)), seed, test, num_validated_epochs=1)
            logits_NC: np.ndarray = fitted.val_logits[-1].numpy()
            for metric, values in scores.items():
                values.append(float(getattr(metrics, metric)(logits_NC, splits.test.labels)))
            self._summary["scores"]["traditional_augmentation"] = _means(scores)
            self._write(traditional_augmentation=scores)

    def _write(self, **changed: Cell) -> None:
        self._cells |= changed
        write_record(
            self._arguments.to / RECORD,
            summary=self._summary,
            n=1,
            config={"rehearsal": self._arguments.rehearse, "budget_s": self._arguments.budget_s},
            cells=self._cells,
            machine=self._machine,
        )


def line(summary: dict[str, Any]) -> str:
    """The figure of this part."""
    accuracies = {name: one["accuracy"] for name, one in summary.get("scores", {}).items()}
    said = [f"{name} {_said(figure)}" for name, figure in accuracies.items()]
    return "test accuracy " + ", ".join(said) if said else "no final scores"


def _said(figure: dict[str, Any]) -> str:
    spread = f" ± {figure['std']:.3f}" if figure["std"] is not None else ""
    return f"{figure['mean']:.3f}{spread} (n = {figure['n']})"


def _means(by_metric: dict[str, list[float | None]]) -> dict[str, Any]:
    means = {}
    for metric, values in by_metric.items():
        mean, std = mean_and_std([math.nan if value is None else value for value in values])
        means[metric] = {
            "mean": round(mean, 4) if math.isfinite(mean) else None,
            "std": round(std, 4) if math.isfinite(std) else None,
            "n": len(values),
        }
    return means


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
