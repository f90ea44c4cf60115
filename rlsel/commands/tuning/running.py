"""Run the trials of a sweep, by Ray Tune on one pool of evaluators."""

import logging
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

from rlsel.errors import find_input_error
from rlsel.experiment.config import Experiment, build_experiment, to_dict
from rlsel.machine import cluster
from rlsel.machine.json_files import to_json
from rlsel.machine.progress import Bar, console, progress_bar
from rlsel.machine.wording import counted
from rlsel.pipeline import run
from rlsel.rewards.evaluators import GPU_MEMORY_SHARE
from rlsel.rewards.plan import CPU_SHARE_OF_EVALUATORS, EvaluatorPlan, plan_evaluators
from rlsel.rewards.pool import running_broker
from rlsel.stages.learning import num_env_runners

TRIAL_CPUS = 0.05
"""Cores booked for a trial, and for each of its env runners; both mostly wait for evaluations."""
PROBING_TRIAL_CPUS = 1 - CPU_SHARE_OF_EVALUATORS
"""Cores booked for a trial that evaluates by itself. As evaluators leave this share of every core,
there is one trial per core."""
TRIAL_GPU_SHARE = 0.25
"""Share of each GPU that evaluators leave to the trials, which train their extractors there."""
TUNE = "tune"
"""Folder of the files that Tune writes."""
TRIALS_A_GPU = 5
"""Number of trials that share the rest of one GPU."""


@dataclass(frozen=True)
class Failure:
    """The reason why a trial has no result."""

    reason: str
    """The reason in one line."""
    is_mistake: bool
    """Whether it is a mistake in the settings or inputs, which the user can correct."""


@dataclass(frozen=True)
class Start:
    """Working folder and environment of the sweep's process, which each trial takes over."""

    folder: Path
    """The working folder at which relative paths begin. Tune would move a trial to another one."""
    environment: dict[str, str]
    """The variables that settings name, and those of rlsel. Others are left out, because Tune
    writes its inputs to disk."""

    @classmethod
    def here(cls, settings: Mapping[str, dict]) -> "Start":
        named = set(re.findall(r"\$\{?(\w+)", to_json(settings)))
        known = os.environ.items()
        return cls(Path.cwd(), {n: v for n, v in known if n in named or n.startswith("RLSEL_")})

    def enter(self) -> None:
        os.chdir(self.folder)
        os.environ.update(self.environment)


@dataclass(frozen=True)
class Machine:
    """The machine on which the sweep was started. The ledgers are on its disk."""

    mark: str
    """Ray's resource `node:ADDRESS`. Every machine has one unit of its own resource."""
    cpus: float
    gpus: float

    @classmethod
    def here(cls) -> "Machine":
        own = ray.get_runtime_context().get_node_id()
        node = next(node for node in ray.nodes() if node["NodeID"] == own)
        offer = node["Resources"]
        cpus = offer.get("CPU") or float(os.cpu_count() or 1)  # a cluster's head may offer none
        return cls(f"node:{node['NodeManagerAddress']}", cpus, offer.get("GPU", 0.0))


def run_trials(
    trials: Mapping[str, Experiment], out: Path, max_concurrent: int | None
) -> dict[str, Failure]:
    """Run the trials that are not finished yet, all on one pool of evaluators.

    Returns:
        The trials that failed, by name; the others are finished.
    """
    first = next(iter(trials.values()))
    here = Machine.here()
    share = 1 - TRIAL_GPU_SHARE if here.gpus else 1.0
    plan = plan_evaluators(first.evaluators, cluster.nodes(), share, cluster.free())
    # The driver starts the evaluators here; started by a trial, they would be part of its placement
    # group.
    with running_broker(plan), progress_bar("trials", len(trials)) as bar:
        evaluators = counted(plan.count, "evaluator")
        console.print(
            f"{counted(len(trials), 'trial')} on {evaluators} ({plan.reason})", markup=False
        )
        _say_where_extractors_train(plan, here)
        results = _tuner(trials, out, max_concurrent, plan, here, bar).fit()
    ended = {Path(result.path).name: result.error for result in results}
    unknown = RuntimeError("it ended before it was finished")
    errors = {name: ended.get(name, unknown) for name in trials}
    return {
        name: failure_of(error, out / TUNE / name / "error.txt")
        for name, error in errors.items()
        if error is not None
    }


def _say_where_extractors_train(plan: EvaluatorPlan, here: Machine) -> None:
    if plan.gpus_each and not here.gpus:
        console.print(
            "note: trials stay on this machine, which has no GPU, so feature extractors are "
            "trained on its cores"
        )
    elif plan.gpus_each and not plan.gpu_left:
        console.print(
            f"warning: evaluators.gpus_each {plan.gpus_each:g} leaves nothing of a GPU to the "
            "trials, which train their feature extractors there all the same; "
            f"{1 - TRIAL_GPU_SHARE:g} would leave them a part",
            style="yellow",
            markup=False,
        )


def _tuner(
    trials: Mapping[str, Experiment],
    out: Path,
    max_concurrent: int | None,
    plan: EvaluatorPlan,
    here: Machine,
    bar: Bar,
) -> tune.Tuner:
    # With Tune's own handler, a sweep stopped by Ctrl-C would seem to have ended normally.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # Silences Tune's tables and tracebacks, since we show a progress bar and our own errors.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    settings = {name: to_dict(experiment) for name, experiment in trials.items()}
    gpu_left = plan.gpu_left if here.gpus else 0.0
    trial = partial(_run_trial, settings, out, Start.here(settings), gpu_left)
    bundles = _bundles(list(trials.values()), plan, here)
    return tune.Tuner(
        tune.with_resources(trial, tune.PlacementGroupFactory(bundles)),
        param_space={"trial": tune.grid_search(list(trials))},
        tune_config=tune.TuneConfig(
            max_concurrent_trials=max_concurrent,
            trial_dirname_creator=lambda t: t.config["trial"],
            trial_name_creator=lambda t: t.config["trial"],
        ),
        run_config=tune.RunConfig(
            name=TUNE, storage_path=str(out), verbose=0, callbacks=[_Advance(bar)]
        ),
    )


def _bundles(
    trials: list[Experiment], plan: EvaluatorPlan, here: Machine
) -> list[dict[str, float]]:
    """The resources of a trial: its own on this machine, then those of each env runner anywhere.

    On this machine a trial books a part of `Machine.mark` in place of cores, because evaluators may
    have booked all cores.
    """
    num_runners = max(num_env_runners(experiment, plan.count) for experiment in trials)
    waits = all(experiment.reward.needs_evaluators for experiment in trials)
    cpus = TRIAL_CPUS * (1 + num_runners) if waits else PROBING_TRIAL_CPUS
    at_once = max(1, math.floor((1 - CPU_SHARE_OF_EVALUATORS) * here.cpus / cpus + 1e-9))
    own = {here.mark: math.floor(1e4 / at_once) / 1e4}  # Ray counts in ten-thousandths
    if here.gpus and plan.gpu_left:
        own["GPU"] = plan.gpu_left / TRIALS_A_GPU
    return [own, *[{"CPU": TRIAL_CPUS}] * num_runners]


def _run_trial(
    settings: dict[str, dict], out: Path, start: Start, gpu_left: float, chosen: dict[str, Any]
) -> None:
    name = chosen["trial"]
    start.enter()
    if gpu_left and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(GPU_MEMORY_SHARE * gpu_left)
    experiment = build_experiment(settings[name], name)
    result = run(experiment, out=out / "trials" / name, resume=True, quiet=True)
    tune.report(dict(result.record.learning))


class _Advance(tune.Callback):
    """Moves the bar when a trial ends."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._bar.advance(note=str(trial))

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._bar.advance(note=f"{trial} failed")


def failure_of(error: Exception | str, traceback: Path) -> Failure:
    """The reason why a trial failed, in one line.

    Args:
        error: The error, or the text of its traceback if it cannot be pickled.
        traceback: The file of the complete traceback, which Tune may have written.
    """
    if isinstance(error, str):
        error = RuntimeError(error.strip().rpartition("\n")[2])
    mistake = find_input_error(error)
    if mistake is not None:
        return Failure(" ".join(str(mistake).split()), is_mistake=True)
    cause = getattr(error, "cause", None) or error  # Ray wraps the error of a trial
    first = next(iter(str(cause).strip().splitlines()), "")
    where = f" (traceback: {traceback})" if traceback.exists() else ""
    return Failure(f"{type(cause).__name__}: {first}{where}", is_mistake=False)
