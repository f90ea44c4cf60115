"""Is the phantom hard, but not hopeless? Measured without any learned selection.

    python benchmarks/phantom_difficulty.py [--config my.yaml] [--seeds 5]

A seed draws its own images, pool and classifiers. Per seed:
(a, b) test scores of a ResNet34 trained on real images and each of `ARMS`;
(c)    AUC of the free scores against what an oracle keeps;
(d)    what the probe reward makes of the same arms, and of each kind of candidate by itself.
Every finished cell is written to the record at once, and a second start goes on from there.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from recording import CellRecord
from rich.table import Table

from rlsel import metrics
from rlsel.classifier import Resident, fit, predict
from rlsel.data import load_splits
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.data.phantom import KINDS, PhantomPool, PhantomSource, draw_candidates
from rlsel.experiment.config import Experiment, load_experiment, to_dict
from rlsel.features import describe_candidates
from rlsel.features.candidates import NUM_NEIGHBOURS
from rlsel.features.extract import extract
from rlsel.machine.device import best_device
from rlsel.machine.progress import console
from rlsel.metrics import mean_and_std
from rlsel.pool import build_pool
from rlsel.rewards import Job, Workbench
from rlsel.rewards.jobs import Split
from rlsel.seeding import derive_seed, rng

RECORD = Path(__file__).parent / "records" / "phantom_difficulty.json"
ARMS = ("real_only", "oracle", "random_half", "all", "right_labels", "500_more")
PROBED = ("real_only", "oracle", "random_half", "all", "right_labels")
HALVES: tuple[Split, ...] = ("reward_val", "selection_val")
NUM_OF_A_KIND = 128
Cell = dict[str, float]


class Bed:
    """The images of one seed; nothing is drawn or trained before it is asked for."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self.experiment, self.seed = experiment, seed
        self.splits = load_splits(experiment.data, seed)
        self.pool = build_pool(experiment.pool, self.splits, experiment.data, seed)

    def mask(self, arm: str) -> np.ndarray:
        """Which candidates the arm trains on."""
        useful_N, kinds_N = self.pool.useful, self.pool.kinds
        assert useful_N is not None
        assert kinds_N is not None
        n = len(useful_N)
        half_N = rng(self.seed, "random half").permutation(n) < n // 2
        return {
            "real_only": np.zeros(n, bool),
            "oracle": useful_N,
            "random_half": half_N,
            "all": np.ones(n, bool),
            "right_labels": kinds_N != "wrong_label",
        }[arm]

    def drawn(self, kind: str, num: int) -> ImageSet:
        """Fresh candidates, all of one kind."""
        source = self.experiment.data.source
        assert isinstance(source, PhantomSource)
        config = PhantomPool(
            num_candidates=num,
            wrong_label=float(kind == "wrong_label"),
            blurred=float(kind == "blurred"),
            artefact=float(kind == "artefact"),
            near_duplicate=float(kind == "near_duplicate"),
        )
        generator = rng(self.seed, "drawn", kind)
        return draw_candidates(config, source, self.splits.train, generator)[0]

    @cached_property
    def workbench(self) -> Workbench:
        return self._workbench_over(self.pool.candidates)

    def _workbench_over(self, candidates: ImageSet) -> Workbench:
        splits, experiment = self.splits, self.experiment
        features = extract(
            self._extractor,
            best_device(),
            train=splits.train,
            candidates=candidates,
            reward_val=splits.reward_val,
            selection_val=splits.selection_val,
        )
        return Workbench.of(
            splits, candidates, [features], experiment.classifier, experiment.reward
        )

    @cached_property
    def _extractor(self):
        train = self.splits.train
        return fit(
            self.experiment.features.extractor,
            Resident.put(train.images, train.labels, best_device()),
            torch.arange(len(train)),
            train.num_classes,
            derive_seed(self.seed, "extractor"),
        ).model

    def train_fully(self, arm: str) -> Cell:
        """Test scores of a classifier trained afresh on real + arm."""
        splits = self.splits
        more = self.pool.candidates
        more = self.drawn("faithful", 500) if arm == "500_more" else more.take(self.mask(arm))
        both = concatenate([splits.train, more])
        fitted = fit(
            self.experiment.classifier,
            Resident.put(both.images, both.labels, best_device()),
            torch.arange(len(both)),
            both.num_classes,
            derive_seed(self.seed, "final"),
            Resident.put(splits.test.images, splits.test.labels, best_device()),
        )
        logits_NC, labels_N = fitted.val_logits[-1].numpy(), splits.test.labels
        return {
            "accuracy": metrics.accuracy(logits_NC, labels_N),
            "auc": metrics.auc(logits_NC, labels_N),
            "log_loss": metrics.recalibrated_log_loss(logits_NC, labels_N),
        }

    def free_scores(self) -> Cell:
        """AUC of each free score, and of both orders, against what an oracle keeps."""
        bench, useful_N = self.workbench, self.mask("oracle")
        table = describe_candidates(bench.features, bench.candidates, bench.train, bench.reward_val)
        nearest_N = np.minimum(table.own_distance, table.other_distance)
        scores = {**table.free_scores, "label_free_order": -nearest_N}
        against_useful = {f"{k}.useful": metrics.auc_binary(v, useful_N) for k, v in scores.items()}
        right_N = self.mask("right_labels")
        against_labels = {f"{k}.label": metrics.auc_binary(v, right_N) for k, v in scores.items()}
        test = self.splits.test
        images = Resident.put(test.images, test.labels, best_device())
        logits_NC = predict(self._extractor, images).cpu().numpy()
        extractor = {"extractor_test_accuracy": metrics.accuracy(logits_NC, test.labels)}
        return against_useful | against_labels | extractor

    def probe_arms(self) -> Cell:
        """The probe's reward for each arm, on both halves of validation."""
        return {
            f"{arm}.{split}.{metric}": value
            for arm in PROBED
            for split in HALVES
            for metric, value in _probe(self.workbench, self.mask(arm), split).items()
        }

    def probe_kinds(self) -> Cell:
        """What `NUM_OF_A_KIND` more of one kind change in the probe's score, both halves' mean."""
        none, all_of_them = np.zeros(NUM_OF_A_KIND, bool), np.ones(NUM_OF_A_KIND, bool)
        cell = {}
        for kind in KINDS:
            bench = self._workbench_over(self.drawn(kind, NUM_OF_A_KIND))
            before, after = (
                [_probe(bench, mask_N, split) for split in HALVES] for mask_N in (none, all_of_them)
            )
            for metric in before[0]:
                changes = [b[metric] - a[metric] for a, b in zip(before, after, strict=True)]
                cell[f"{kind}.{metric}"] = float(np.mean(changes))
        return cell

    def drawing(self) -> Cell:
        """Processor time of one image of the source."""
        start = time.process_time()
        num_images = len(self.drawn("faithful", 512))
        return {"ms_per_image": 1000 * (time.process_time() - start) / num_images}


def _probe(bench: Workbench, kept_N: np.ndarray, split: Split) -> dict[str, float]:
    evaluation = bench.evaluate(Job(kept_N, "probe", 0, split))
    return {metric: evaluation.last(metric) for metric in ("accuracy", "auc", "log_loss")}


def cells_of(bed: Bed) -> Iterator[tuple[str, Callable[[], Cell]]]:
    """Name and maker of every cell, the cheap ones first."""
    yield "drawing", bed.drawing
    yield "free_scores", bed.free_scores
    yield "probe_arms", bed.probe_arms
    yield "probe_kinds", bed.probe_kinds
    for arm in ARMS:
        yield f"full.{arm}", lambda arm=arm: bed.train_fully(arm)


def measure(experiment: Experiment, seeds: range, path: Path, only: str) -> dict:
    """Fill in the cells that the record at `path` lacks; a record of other settings is replaced.

    Returns its summary.
    """
    record = CellRecord(
        path,
        relevant_settings(experiment),
        summarise,
        n=lambda cells: len({key.rsplit("/", 1)[1] for key in cells}),
        of_other_settings="start anew",
    )
    for seed in seeds:
        cells = cells_of(Bed(experiment, seed))
        makers = {f"{name}/{seed}": make for name, make in cells if name.startswith(only)}
        record.fill(f"seed {seed}", makers)
    record.write()
    return record.summary


def relevant_settings(experiment: Experiment) -> dict:
    """What the numbers depend on; how a controller learns is not among it."""
    whole = to_dict(experiment)
    features, reward = whole["features"], whole["reward"]
    return {
        "data": whole["data"],
        "pool": whole["pool"],
        "classifier": whole["classifier"],
        "extractor": features["extractor"],
        "num_neighbours": NUM_NEIGHBOURS,
        "probe": reward["probe"],
    }


def summarise(cells: dict[str, Cell]) -> dict[str, dict[str, float]]:
    """cell.quantity -> mean, sample std, min, n over seeds; `full.` also as gain over real only."""
    values: dict[str, list[float]] = {}
    for key, cell in cells.items():
        name, seed = key.rsplit("/", 1)
        for quantity, value in cell.items():
            values.setdefault(f"{name}.{quantity}", []).append(value)
        real = cells.get(f"full.real_only/{seed}")
        if name.startswith("full.") and real:
            gain = cell["accuracy"] - real["accuracy"]
            values.setdefault(f"{name}.accuracy_over_real", []).append(gain)
    return {name: _statistics(numbers) for name, numbers in values.items()}


def _statistics(numbers: list[float]) -> dict[str, float]:
    mean, std = mean_and_std(numbers)
    rounded = {"mean": mean, "std": std, "min": min(numbers)}
    return {k: round(v, 4) for k, v in rounded.items() if math.isfinite(v)} | {"n": len(numbers)}


def show(summary: dict[str, dict[str, float]]) -> None:
    table = Table("quantity", "mean", "std", "min", "n", title="phantom difficulty")
    for name, row in summary.items():
        table.add_row(name, *(str(row.get(key, "")) for key in ("mean", "std", "min", "n")))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Is the phantom hard, but not hopeless?")
    parser.add_argument("--config", type=Path, help="an experiment's YAML; the default without")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="cells whose name starts so, such as probe")
    parser.add_argument("--record", type=Path, default=RECORD)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    experiment = replace(load_experiment(arguments.config), name="phantom_difficulty")
    show(measure(experiment, range(arguments.seeds), arguments.record, arguments.only))


if __name__ == "__main__":
    main()
