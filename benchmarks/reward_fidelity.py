"""Which cheap reward says most about full training: rank correlation, signal-to-noise, cost.

    python benchmarks/reward_fidelity.py truth       # hours of training; kept in the record
    python benchmarks/reward_fidelity.py fidelities  # minutes
    python benchmarks/reward_fidelity.py summary

Sets of candidates of the pool in tune_configs/pcam_planted.yaml, in two families: *wide* (from
none to all, from only right to only wrong labels) and *narrow* (independent coin flips). The truth
of a set is the mean over seeds of the test score of a ResNet34 trained on real + set. Against it
stand the rewards that a run could use: every fidelity and metric on reward-val, with repeats.
Every finished cell is written at once, and a second start goes on from there.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from rlsel import metrics
from rlsel.atomic_files import write_text
from rlsel.classifier import ClassifierConfig, Fitted, Resident, Trainer, predict
from rlsel.classifier.resident import best_device
from rlsel.config import Experiment, load_experiment
from rlsel.data import Splits, load_splits
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.features.extract import extract
from rlsel.pool import Pool, build_pool
from rlsel.progress import console, progress_bar
from rlsel.records import describe_device, installed_versions
from rlsel.rewards import Job, Workbench
from rlsel.rewards.finetune import FinetuneConfig
from rlsel.rewards.jobs import Fidelity
from rlsel.seeding import derive_seed, rng

HERE = Path(__file__).parent
CONFIG = HERE.parent / "tune_configs" / "pcam_planted.yaml"
RECORD = HERE / "records" / "reward_fidelity.json"
METRICS = ("accuracy", "auc", "log_loss")
TRUTHS = ("accuracy", "auc")
"""Of the test split; what a reward is compared with."""
NUM_SEEDS = 5
NUM_OTHERS = 2000
"""Patches that are neither real nor candidates, for an extractor that has seen none of them."""
SHARES_RIGHT = (0.0, 0.25, 0.5, 0.75, 1.0)
SIZES = (128, 256, 512)
NUM_NARROW = 8


@dataclass(frozen=True)
class Variant:
    """One way to pay: a fidelity, its settings, and what its extractor was trained on."""

    fidelity: Fidelity
    extractor: str = "real"
    """`real`: the 500 real images; `others`: 2,000 other patches; `folds`: each half of the real
    images judged by an extractor trained on the other half."""
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)

    @property
    def name(self) -> str:
        if self.fidelity != "finetune":
            return f"{self.fidelity}, {self.extractor}"
        settings = self.finetune
        return (
            f"finetune, {self.extractor}, {settings.first_stage}, {settings.epochs} epochs, "
            f"lr {settings.lr:g}"
        )


VARIANTS = (
    *(Variant("probe", extractor) for extractor in ("real", "others", "folds")),
    *(
        Variant("finetune", extractor, FinetuneConfig(first_stage=stage, epochs=epochs, lr=lr))
        for extractor in ("real", "others")
        for stage, epochs, lr in (
            ("layer4", 3, 1e-3),
            ("layer4", 10, 1e-3),
            ("layer4", 3, 1e-4),
            ("layer3", 3, 1e-3),
            ("layer3", 3, 3e-4),
            ("layer1", 3, 1e-3),
        )
    ),
)


class Bed:
    """Images, pool and sets of the benchmark."""

    def __init__(self) -> None:
        self.experiment: Experiment = load_experiment(CONFIG)
        self.splits: Splits = load_splits(self.experiment.data, self.experiment.seed)
        self.pool: Pool = build_pool(
            self.experiment.pool, self.splits, self.experiment.data, self.experiment.seed
        )
        self.sets = _sets(self.pool)
        both = concatenate([self.splits.train, self.pool.candidates])
        self.training = Resident.put(both.images, both.labels, best_device())

    def rows(self, kept_N: np.ndarray) -> torch.Tensor:
        """Of `training`: all real images and the kept candidates."""
        real = np.arange(len(self.splits.train))
        return torch.from_numpy(np.concatenate((real, len(real) + np.flatnonzero(kept_N))))

    @property
    def others(self) -> ImageSet:
        """Patches that are in no split and not in the pool."""
        held_back = self.splits.held_back
        assert held_back is not None
        planted = np.char.add("planted/", held_back.ids)
        free = np.flatnonzero(~np.isin(planted, self.pool.candidates.ids))
        return held_back.take(rng(0, "others").permutation(free)[:NUM_OTHERS])


@cache
def bed() -> Bed:
    torch.set_num_threads(1)
    return Bed()


def _sets(pool: Pool) -> dict[str, np.ndarray]:
    """Name -> which candidates; names begin with the family."""
    assert pool.useful is not None
    useful_N = pool.useful
    right, wrong = np.flatnonzero(useful_N), np.flatnonzero(~useful_N)
    sets = {"wide none": np.zeros(len(useful_N), bool), "wide all": np.ones(len(useful_N), bool)}
    for size in SIZES:
        for share in SHARES_RIGHT:
            draw = rng(0, "wide", size, round(100 * share))
            num_right = round(share * size)
            kept_N = np.zeros(len(useful_N), bool)
            kept_N[draw.permutation(right)[:num_right]] = True
            kept_N[draw.permutation(wrong)[: size - num_right]] = True
            sets[f"wide {size} with {share:.0%} right"] = kept_N
    for number in range(NUM_NARROW):
        sets[f"narrow {number}"] = rng(0, "narrow", number).random(len(useful_N)) < 0.5
    return sets


# The truth --------------------------------------------------------------------------------------


def train_fully(name: str, seed: int) -> dict[str, Any]:
    """One cell of the truth: a full training, scored on reward-val and on test."""
    splits, start = bed().splits, time.perf_counter()
    config = bed().experiment.classifier
    device = bed().training.device
    reward_val = Resident.put(splits.reward_val.images, splits.reward_val.labels, device)
    trainer = Trainer(config, bed().training, splits.train.num_classes)
    fitted = trainer.fit(bed().rows(bed().sets[name]), derive_seed(seed, "truth"), reward_val)
    seconds = time.perf_counter() - start
    test = Resident.put(splits.test.images, splits.test.labels, device)
    test_NC = predict(fitted.model, test, config.precision).cpu().numpy()
    epochs = [_score(logits.numpy(), splits.reward_val.labels) for logits in fitted.val_logits]
    return {
        "seconds": seconds,
        "reward": {metric: max(epoch[metric] for epoch in epochs) for metric in METRICS},
        "test": _score(test_NC, splits.test.labels),
    }


def _score(logits_NC: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": metrics.accuracy(logits_NC, labels_N),
        "auc": metrics.auc(logits_NC, labels_N),
        "log_loss": -metrics.recalibrated_log_loss(logits_NC, labels_N),
    }


# The rewards ------------------------------------------------------------------------------------


def pay(variant_name: str, seed: int) -> dict[str, Any]:
    """One cell: every set's reward by one variant; seed of the extractor and of the training."""
    variant = next(variant for variant in VARIANTS if variant.name == variant_name)
    benches = _workbenches(variant.extractor, seed)
    benches = [replace(bench, finetune=variant.finetune) for bench in benches]
    for bench in benches:  # what is prepared once is not charged
        bench.evaluate(_job(variant, np.zeros(len(bed().pool), bool), seed))
    rewards, seconds = {}, []
    for name, kept_N in bed().sets.items():
        found = [bench.evaluate(_job(variant, kept_N, seed)) for bench in benches]
        seconds.append(sum(evaluation.train_s for evaluation in found))
        rewards[name] = {
            metric: float(np.mean([evaluation.best(metric) for evaluation in found]))
            for metric in METRICS
        }
    return {"rewards": rewards, "seconds": float(np.median(seconds))}


def _job(variant: Variant, kept_N: np.ndarray, seed: int) -> Job:
    return Job(kept_N, variant.fidelity, derive_seed(seed, "reward"), "reward_val")


@cache
def _workbenches(extractor: str, seed: int) -> list[Workbench]:
    train = bed().splits.train
    if extractor == "real":
        return [_workbench(train, train, seed)]
    if extractor == "others":
        return [_workbench(bed().others, train, seed)]
    even = np.arange(len(train)) % 2 == 0
    halves = [train.take(even), train.take(~even)]
    return [_workbench(halves[0], halves[1], seed), _workbench(halves[1], halves[0], seed)]


def _workbench(seen: ImageSet, real: ImageSet, seed: int) -> Workbench:
    """A workbench whose extractor was trained on `seen`, and whose real images are `real`."""
    splits, experiment = bed().splits, bed().experiment
    fitted = _extractor(experiment.features.extractor, seen, seed)
    features = extract(
        fitted.model,
        best_device(),
        train=real,
        candidates=bed().pool.candidates,
        reward_val=splits.reward_val,
        selection_val=splits.selection_val,
    )
    return Workbench(
        train=real,
        candidates=bed().pool.candidates,
        reward_val=splits.reward_val,
        selection_val=splits.selection_val,
        test=splits.test,
        features=features,
        classifier=experiment.classifier,
        probe=experiment.reward.probe,
        extractor=fitted.model.state_dict(),
    )


def _extractor(config: ClassifierConfig, seen: ImageSet, seed: int) -> Fitted:
    data = Resident.put(seen.images, seen.labels, best_device())
    trainer = Trainer(config, data, seen.num_classes)
    return trainer.fit(torch.arange(len(data)), derive_seed(seed, "extractor"))


# The summary ------------------------------------------------------------------------------------


def summarise(cells: dict[str, Any]) -> dict[str, Any]:
    """Per variant, metric, family and number of repeats: how well it ranks sets, and at what cost.

    Signal-to-noise compares the variance between sets with what is left, set by set, when the
    common effect of a seed is taken out: sets are compared under one seed.
    """
    names = list(bed().sets)
    truth = {
        metric: _matrix(cells, "truth", names, lambda cell, m=metric: cell["test"][m])
        for metric in TRUTHS
    }
    rows = []
    full_seconds = float(np.median([c["seconds"] for k, c in cells.items() if k[:5] == "truth"]))
    for metric in METRICS:
        paid = _matrix(cells, "truth", names, lambda cell, m=metric: cell["reward"][m])
        rows += _judge("full", metric, paid, truth, full_seconds, names, same_trainings=True)
    for variant in VARIANTS:
        found = [cells.get(f"{variant.name} | {seed}") for seed in range(NUM_SEEDS)]
        done = [cell for cell in found if cell is not None]
        if not done:
            continue
        seconds = float(np.median([cell["seconds"] for cell in done]))
        for metric in METRICS:
            paid = np.array([[cell["rewards"][name][metric] for cell in done] for name in names])
            rows += _judge(variant.name, metric, paid, truth, seconds, names)
    best = {
        fidelity: max(
            (
                r
                for r in rows
                if r["variant"].startswith(fidelity) and r["family"] == "wide" and r["repeats"] == 1
            ),
            key=lambda row: row["spearman_accuracy"],
        )
        for fidelity in ("probe", "finetune", "full")
    }
    return {
        **{f"wide_spearman.{key}": row["spearman_accuracy"] for key, row in best.items()},
        **{f"best_variant.{key}": f"{r['variant']} / {r['metric']}" for key, r in best.items()},
        "truth": {
            name: {m: [round(v, 4) for v in truth[m][i]] for m in TRUTHS}
            for i, name in enumerate(names)
        },
        "rows": rows,
    }


def _matrix(
    cells: dict[str, Any], kind: str, names: list[str], value: Callable[[dict], float]
) -> np.ndarray:
    """(sets, seeds)."""
    return np.array(
        [[value(cells[f"{kind} | {name} | {s}"]) for s in range(NUM_SEEDS)] for name in names]
    )


def _judge(
    variant: str,
    metric: str,
    paid_MS: np.ndarray,
    truth: dict[str, np.ndarray],
    seconds: float,
    names: list[str],
    same_trainings: bool = False,
) -> Iterator[dict[str, Any]]:
    """Rows for each family and number of repeats.

    Args:
        same_trainings: The rewards come from the trainings of the truth; those of the seeds that
            are paid by are then left out of it.
    """
    num_seeds = paid_MS.shape[1]
    for family in ("wide", "narrow"):
        of = np.array([name.startswith(family) for name in names])
        between, within = _variances(paid_MS[of])
        for repeats in range(1, num_seeds + 1):
            found: dict[str, list[float]] = {m: [] for m in TRUTHS}
            for chosen in combinations(range(num_seeds), repeats):
                rest = [s for s in range(NUM_SEEDS) if not same_trainings or s not in chosen]
                for m in TRUTHS if rest else ():
                    reward_M = paid_MS[of][:, chosen].mean(axis=1)
                    truth_M = truth[m][of][:, rest].mean(axis=1)
                    found[m].append(float(spearmanr(reward_M, truth_M).statistic))
            ratio = between / max(within / repeats, 1e-12)
            yield {
                "variant": variant,
                "metric": metric,
                "family": family,
                "repeats": repeats,
                "seconds": seconds * repeats,
                **{f"spearman_{m}": _mean(values) for m, values in found.items()},
                **{f"spearman_{m}_min": min(values, default=None) for m, values in found.items()},
                "signal_to_noise": ratio,
                "signal_to_noise_per_s": ratio / (seconds * repeats),
            }


def _variances(paid_MS: np.ndarray) -> tuple[float, float]:
    """Between sets (without the part that is noise), and within a set over seeds."""
    num_sets, num_seeds = paid_MS.shape
    if num_seeds < 2:
        return float(paid_MS[:, 0].var(ddof=1)), float("nan")
    mean_M1, mean_1S = paid_MS.mean(axis=1, keepdims=True), paid_MS.mean(axis=0, keepdims=True)
    residual_MS = paid_MS - mean_M1 - mean_1S + paid_MS.mean()
    within = float((residual_MS**2).sum() / ((num_sets - 1) * (num_seeds - 1)))
    between = float(mean_M1.var(ddof=1)) - within / num_seeds
    return max(between, 0.0), within


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


# Running ----------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("truth", "fidelities", "summary"))
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time")
    arguments = parser.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"cells": {}}
    cells = record["cells"]
    todo: list[tuple[str, Callable[..., dict], tuple]] = []
    if arguments.part == "truth":
        todo = [
            (f"truth | {name} | {seed}", train_fully, (name, seed))
            for seed in range(NUM_SEEDS)
            for name in bed().sets
        ]
    elif arguments.part == "fidelities":
        todo = [
            (f"{variant.name} | {seed}", pay, (variant.name, seed))
            for seed in range(NUM_SEEDS)
            for variant in VARIANTS
        ]
    todo = [cell for cell in todo if cell[0] not in cells]
    with (
        ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as workers,
        progress_bar(arguments.part, len(todo)) as bar,
    ):
        futures = {workers.submit(function, *given): key for key, function, given in todo}
        for future in as_completed(futures):
            cells[futures[future]] = future.result()
            write_record(record)
            bar.advance(note=futures[future])
    if arguments.part == "summary":
        record["summary"] = summarise(cells)
        write_record(record)
        console.print(f"record: {RECORD}", markup=False)


def write_record(record: dict[str, Any]) -> None:
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    about = {
        "n": NUM_SEEDS,
        "config_hash": load_experiment(CONFIG).hash,
        "device": describe_device(gpu),
        "versions": installed_versions(),
    }
    write_text(RECORD, json.dumps({"summary": {}} | about | record, indent=1) + "\n")


if __name__ == "__main__":
    main()
