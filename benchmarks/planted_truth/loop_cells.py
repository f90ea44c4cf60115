"""Timings of the learning loop: ours, the plain one, where ours spends its time, and actors."""

import cProfile
import pstats
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.task import Task
from rlsel.algorithms.train import train
from rlsel.controllers import build_controller
from rlsel.experiment.config import build_experiment
from rlsel.heads import HeadFeatures, LogisticHeads
from rlsel.metrics import auc, auc_binary
from rlsel.rewards import Job, Ledger, LocalEvaluations, SetReward
from rlsel.rewards.plan import EvaluatorPlan
from rlsel.rewards.pool import open_run, running_broker

from .learning import Prepared, prepare
from .material import material

BED, DRAW = "labels_plain", 10
DECISIONS = 8
NUM_ASKED = 200
PARTS = {
    "rollouts": ("ray/rllib/env/single_agent_env_runner.py", "_sample"),
    "of which heads of probes": ("rlsel/heads/logistic.py", "fit"),
    "of which metrics of probes": ("rlsel/rewards/workbench.py", "_score"),
    "of which ledger": ("rlsel/rewards/ledger.py", "put_many"),
    "updates": ("ray/rllib/core/learner/learner.py", "update"),
    "of which gradient steps": ("ray/rllib/core/learner/torch/torch_learner.py", "_update"),
    "checkpoints": ("rlsel/algorithms/history.py", "save_checkpoint"),
}
"""What is shown of the profile: the file and the function whose time it is, calls included."""


def time_ours(evaluations: int, seed: int) -> dict[str, float]:
    prepared, settings = _prepared(), _settings(evaluations)
    start = time.perf_counter()
    learned = _train(prepared, settings, seed)
    return _result(time.perf_counter() - start, learned, prepared)


def time_plain(evaluations: int, seed: int) -> dict[str, float]:
    from .plain_loop import learn_plainly

    prepared = _prepared()
    start = time.perf_counter()
    torch.manual_seed(seed)
    controller = build_controller(build_experiment({}, "defaults").controller, prepared.problem)
    probability_N = learn_plainly(
        prepared.problem, controller, _plain_worths(prepared), _settings(evaluations), seed
    )
    return _result(time.perf_counter() - start, probability_N, prepared)


def profile_ours(evaluations: int) -> dict[str, float]:
    """Milliseconds an evaluation, of each part."""
    prepared, profiler = _prepared(), cProfile.Profile()
    profiler.runcall(_train, prepared, _settings(evaluations), 0)
    stats = pstats.Stats(profiler).stats  # pyright: ignore[reportAttributeAccessIssue]
    cumulative_s = {
        part: sum(row[3] for (path, _, name), row in stats.items()
                  if name == function and Path(path).as_posix().endswith(f"/{file}"))
        for part, (file, function) in PARTS.items()
    }  # fmt: skip
    return {part: 1000 * seconds / evaluations for part, seconds in cumulative_s.items()}


def overhead_of_actors() -> dict[str, float]:
    """What an answer of the pool takes beyond the work itself, asked one by one, in ms."""
    prepared = _prepared()
    workbench = prepared.bed.workbench(build_experiment({}, "defaults").reward)
    masks = np.random.default_rng(0).random((2 * NUM_ASKED, len(prepared.bed.useful_N))) < 0.5
    folder = Path(tempfile.mkdtemp(prefix="learning-loop-"))
    plan = EvaluatorPlan(count=1, cpus_each=0.5, gpus_each=0.0, reason="benchmark")
    try:
        with running_broker(plan) as broker:
            evaluations = open_run(broker, workbench, folder / "ledger.sqlite")
            jobs = [Job(mask_N, "probe", 0, "reward_val") for mask_N in masks]
            for job in jobs[:NUM_ASKED]:  # the evaluator gets ready
                evaluations.one(job)
            start = time.perf_counter()
            work_s = sum(evaluations.one(job).train_s for job in jobs[NUM_ASKED:])
            wall_s = time.perf_counter() - start
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    each = 1000 / NUM_ASKED
    return {"overhead_ms": each * (wall_s - work_s), "work_ms": each * work_s, "n": NUM_ASKED}


def _prepared() -> Prepared:
    return prepare(build_experiment({}, "defaults"), BED, DRAW)


def _settings(evaluations: int) -> AlgorithmConfig:
    iterations = evaluations // (16 * DECISIONS)
    return build_experiment({"algorithm": {"iterations": iterations}}, "defaults").algorithm


def _train(prepared: Prepared, settings: AlgorithmConfig, seed: int) -> np.ndarray:
    experiment = build_experiment({}, "defaults")
    folder = Path(tempfile.mkdtemp(prefix="learning-loop-"))
    workbench = prepared.bed.workbench(experiment.reward)
    evaluations = LocalEvaluations(workbench, Ledger(folder / "ledger.sqlite"))
    reward = SetReward(evaluations, "probe", "auc", 0)
    judge = SetReward(evaluations, "probe", "auc", 0, "selection_val")
    task = Task(prepared.problem, reward, judge, {"covers": "decision", "alpha": 0.0})
    try:
        return train(settings, experiment.controller, task, seed, folder, 0).keep_probability_N
    finally:
        evaluations.ledger.close()
        shutil.rmtree(folder, ignore_errors=True)


def _plain_worths(prepared: Prepared) -> Callable[[np.ndarray], list[float]]:
    """AUC on reward-val of the heads on real + each set; nothing is written down."""
    bed, config = prepared.bed, build_experiment({}, "defaults").reward.probe
    both_NF = np.concatenate((bed.features.train, bed.features.candidates))
    features = HeadFeatures(config.num_components, both_NF)
    labels_N = np.concatenate((bed.real.labels, bed.candidates.labels))
    heads = LogisticHeads(
        torch.from_numpy(features.training_NP), torch.from_numpy(labels_N), 2, config.l2
    )
    val_VP = features.project(bed.features.reward_val)
    labels_V = material(bed.config.source).reward_val.labels
    real_N = np.ones(len(bed.real), dtype=bool)

    def worths(masks_EN: np.ndarray) -> list[float]:
        used_EN = np.stack([np.concatenate((real_N, mask_N)) for mask_N in masks_EN])
        weights_EPC = heads.fit(torch.from_numpy(used_EN)).numpy()
        return [auc(val_VP @ weights_PC, labels_V) for weights_PC in weights_EPC]

    return worths


def _result(seconds: float, probability_N: np.ndarray, prepared: Prepared) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 2),
        "auc": auc_binary(probability_N, prepared.bed.useful_N),
    }
