"""The work: a controller learns on a bed, and what it found is held against the truth.

Shape letters: N candidates, M masks, T iterations.
"""

import shutil
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
from recording import read_record
from scipy.stats import norm

from envs import SelectionProblem
from rlsel.algorithms.history import load_checkpoint
from rlsel.algorithms.policy import keep_most_probable
from rlsel.algorithms.train import train
from rlsel.evaluation.collapse import warn_of_collapse
from rlsel.evaluation.signal import signal_in
from rlsel.evaluation.truth import batch_of_candidates
from rlsel.experiment.config import Experiment, build_experiment, to_dict
from rlsel.features import CandidateTable, build_problem, describe_candidates
from rlsel.rewards import Fidelity, Ledger, LocalEvaluations, SetReward, Split
from rlsel.schema import config
from rlsel.seeding import derive_seed, rng
from rlsel.stages.learning import make_task

from .beds import Bed, build_bed, hash_of
from .material import material
from .scoring import probe_scores

Pay = Literal["reward", "noisy", "null"]
PARTS = ("features", "reward", "controller", "algorithm", "selection")
"""Of an experiment: what a cell sets or takes by default."""
SERIES = (
    "evaluations", "reward_mean", "reward_std", "keep_fraction", "clip_fraction", "kl", "entropy",
    "grad_norm", "explained_variance", "positive_advantages", "selection_val", "reward_val",
)  # fmt: skip
"""Of each iteration, beside the AUC of its policy (`curve`)."""
FIDELITY_RECORD = Path(__file__).parents[1] / "records" / "reward_fidelity.json"


@config
class Cell:
    """One learning."""

    bed: str
    draw: int
    """Of the bed: real images and candidates."""
    seed: int
    """Of the controller and its episodes."""
    options: dict[str, Any]
    """Settings of an experiment: features, reward, controller, algorithm."""
    pay: Pay = "reward"
    """What the controller gets: the reward, the same with noise as large as that of retraining, or
    nothing but such noise."""


@cache
def retraining_noise() -> float:
    """Standard deviation of a full training's AUC on reward-val over its seeds, mean over sets."""
    by_set: dict[str, list[float]] = defaultdict(list)
    for key, cell in read_record(FIDELITY_RECORD)["cells"].items():
        kind, name, *_ = key.split(" | ")
        if kind == "truth":
            by_set[name].append(cell["reward"]["auc"])
    return float(np.mean([np.std(values, ddof=1) for values in by_set.values()]))


@dataclass(frozen=True)
class NoisyReward:
    """A reward to which a normal number is added that depends on set and seed alone."""

    reward: SetReward
    std: float
    keep: float = 1.0
    """0 leaves the noise alone."""

    def __call__(self, kept_N: np.ndarray) -> float:
        return float(self.many(kept_N[None])[0])

    def many(self, masks_MN: np.ndarray) -> np.ndarray:
        scores_M = self.reward.many(masks_MN) if self.keep else np.zeros(len(masks_MN))
        return self.keep * scores_M + self.std * np.array([self._noise(m_N) for m_N in masks_MN])

    def _noise(self, kept_N: np.ndarray) -> float:
        """As a training would: another set is another draw, the same one is the same again."""
        digest = blake2b(
            np.packbits(kept_N).tobytes(), digest_size=8, salt=self.reward.seed.to_bytes(8)
        )
        return float(norm.ppf((int.from_bytes(digest.digest()) + 0.5) / 2**64))


@dataclass(frozen=True)
class Prepared:
    """A bed as an experiment sees it."""

    bed: Bed
    table: CandidateTable
    problem: SelectionProblem


def prepare(experiment: Experiment, bed_name: str, draw: int) -> Prepared:
    """Describe the candidates and cut the batches."""
    bed = build_bed(bed_name, draw)
    table = _table(bed_name, draw)
    problem = build_problem(
        experiment.features, bed.features, table, bed.real.num_classes, rng(draw, "batches")
    )
    return Prepared(bed, table, problem)


@cache
def _table(bed_name: str, draw: int) -> CandidateTable:
    bed = build_bed(bed_name, draw)
    reward_val = material(bed.config.source).reward_val
    return describe_candidates(bed.features, bed.candidates, bed.real, reward_val)


def settings_of(options: dict[str, Any], parts: tuple[str, ...] = PARTS) -> dict[str, Any]:
    """These parts of an experiment, defaults included."""
    settings = to_dict(build_experiment(options, "cells.yaml"))
    return {name: settings[name] for name in parts}


def config_hash(cell: Cell) -> str:
    """Of all settings that a cell depends on: bed, defaults and the size of the noise included."""
    digest = hash_of(cell.bed, settings_of(cell.options))
    return f"{digest}-{retraining_noise():.4f}" if cell.pay == "noisy" else digest


def learn(cell: Cell) -> dict[str, Any]:
    """Train, and score what came out of it."""
    return learned_probabilities(cell)[1]


def learned_probabilities(cell: Cell) -> tuple[np.ndarray, dict[str, Any]]:
    """Keep probabilities of the candidates, which no record may hold, and their scores."""
    experiment = build_experiment(cell.options, f"cell of {cell.bed}")
    prepared = prepare(experiment, cell.bed, cell.draw)
    folder = Path(tempfile.mkdtemp(prefix="planted-truth-"))
    try:
        return _learn_in(folder, cell, experiment, prepared)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _learn_in(
    folder: Path, cell: Cell, experiment: Experiment, prepared: Prepared
) -> tuple[np.ndarray, dict[str, Any]]:
    workbench = prepared.bed.workbench(experiment.reward)
    evaluations = LocalEvaluations(workbench, Ledger(folder / "ledger.sqlite"))

    def by(fidelity: Fidelity, split: Split) -> SetReward | NoisyReward:
        seed = derive_seed(cell.seed, "reward")
        exact = SetReward(evaluations, fidelity, experiment.reward.metric, seed, split)
        if cell.pay == "reward":
            return exact
        return NoisyReward(exact, retraining_noise(), keep=float(cell.pay == "noisy"))

    task = make_task(experiment, prepared.problem, prepared.bed.real.class_names, by)
    start = time.perf_counter()
    learned = train(experiment.algorithm, experiment.controller, task, cell.seed, folder, 0)
    seconds = time.perf_counter() - start
    found = load_checkpoint(folder)
    assert found is not None
    history = found[0]
    evaluations.ledger.close()
    bed = prepared.bed
    batch_N = batch_of_candidates(prepared.problem)
    signal = signal_in(learned.taken)
    return learned.keep_probability_N, {
        "seconds": round(seconds, 2),
        "auc": bed.auc(learned.keep_probability_N),
        "auc_of_last_iteration": bed.auc(history.probabilities_TM[-1]),
        "within_batches": bed.auc_within(learned.keep_probability_N, batch_N),
        "chosen_iteration": learned.chosen_iteration,
        "signal": signal and [signal.correlation, signal.p_value],
        "alarms": warn_of_collapse(learned.rows, learned.last_probability_M),
        "kinds": _by_kind(learned.keep_probability_N, bed.kinds_N),
        "selections": _selections(learned.keep_probability_N, bed),
        "series": {name: [row[name] for row in history.rows] for name in SERIES}
        | {"curve": [bed.auc(p_N) for p_N in history.probabilities_TM]},
    }


def _by_kind(probability_N: np.ndarray, kinds_N: np.ndarray) -> dict[str, float]:
    return {str(k): float(probability_N[kinds_N == k].mean()) for k in np.unique(kinds_N)}


def _selections(probability_N: np.ndarray, bed: Bed) -> dict[str, dict[str, float]]:
    """By the product's rule (rank and the policy's own rate) and by p > 1/2: probe scores."""
    masks = {"rate": keep_most_probable(probability_N), "threshold": probability_N > 0.5}
    scores = probe_scores(bed, np.stack(list(masks.values())))
    return {
        name: {"kept": float(mask_N.mean())} | {key: float(v[m]) for key, v in scores.items()}
        for m, (name, mask_N) in enumerate(masks.items())
    }
