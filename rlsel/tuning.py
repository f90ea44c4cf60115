"""`rlsel tune`: a grid over any settings, through Ray Tune; a trial is an ordinary run.

All trials share one pool of evaluators. Trials lie side by side in the sweep's folder, each with
its own ledger, so a sweep that is started again goes on with each trial where it stopped.
"""

import itertools
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, TypeAdapter, ValidationError
from ray import tune
from rich import box
from rich.table import Table

from rlsel import cluster
from rlsel.atomic_files import write_text
from rlsel.config import Experiment, build_experiment, merge, name_after, read_yaml, to_dict
from rlsel.data.wording import counted
from rlsel.errors import InputError, find_input_error
from rlsel.learning import num_env_runners
from rlsel.pipeline import run
from rlsel.progress import Bar, console, progress_bar
from rlsel.records import Record, mean_and_std
from rlsel.rewards.evaluators import GPU_MEMORY_SHARE
from rlsel.rewards.plan import CPU_SHARE_OF_EVALUATORS, EvaluatorPlan, plan_evaluators
from rlsel.rewards.pool import running_broker
from rlsel.schema import config

RESULTS = "sweep.json"
TRIAL_CPUS = 0.05
"""What a trial books for itself: it waits for evaluations, and updates a small network."""
PROBING_TRIAL_CPUS = 1 - CPU_SHARE_OF_EVALUATORS
"""The same where it evaluates by itself: what evaluators leave then makes a trial a core."""


TRIAL_GPU_SHARE = 0.25
"""Of each GPU, what evaluators leave to the trials, which train their extractors there."""
TRIALS_A_GPU = 5
"""Trials that share what is left of one."""


@config
class SweepConfig:
    """A grid of settings over one experiment."""

    experiment: dict[str, Any] = Field(default_factory=dict)
    """Settings that all trials share, as in the config of a run."""
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    """Dotted setting -> the values it takes, e.g. `algorithm.clip: [0.1, 0.2]`."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    """Every point of the grid is run with each of them."""
    max_concurrent: Annotated[int | None, Field(ge=1)] = None
    """Trials at a time; None takes as many as there is room for."""


@dataclass(frozen=True)
class Point:
    """One point of the grid and the experiments, one per seed, that stand for it."""

    settings: dict[str, Any]
    experiments: tuple[Experiment, ...]

    @property
    def name(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self.settings.items()) or "as it is"


def load_sweep(path: Path) -> tuple[SweepConfig, list[Point]]:
    """Read a sweep and check every experiment in it before anything runs.

    Raises:
        InputError: no such file, an unknown key, or a setting that some trial refuses.
    """
    content = read_yaml(path)
    try:
        sweep = TypeAdapter(SweepConfig).validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {where}: {first['msg']}; a sweep has experiment, grid, seeds, max_concurrent"
        ) from None
    points = []
    for values in itertools.product(*sweep.grid.values()):
        settings = dict(zip(sweep.grid, values, strict=True))
        merged = dict(sweep.experiment)
        # Names first: a block of another kind replaces what was said of the one before.
        for key in sorted(settings, key=lambda key: not key.endswith(".name")):
            merged = merge(merged, _nested(key, settings[key]))
        merged.setdefault("name", name_after(path))
        experiment = build_experiment(merged, str(path))
        if "controller" not in experiment.selection.methods:
            raise InputError(
                f"{path}: selection.methods lacks controller, and what a controller learned is "
                "all that a sweep compares"
            )
        points.append(Point(settings, tuple(experiment.with_seed(s) for s in sweep.seeds)))
    return sweep, points


def run_sweep(path: Path, out: Path) -> Path:
    """Carry out a sweep; print its table and write it to `out/sweep.json`.

    Returns:
        the path of the results.
    """
    sweep, points = load_sweep(path)
    out = out.resolve()
    trials = {
        f"point{i:03d}-seed{experiment.seed}": experiment
        for i, point in enumerate(points)
        for experiment in point.experiments
    }
    if out.exists() and any(out.iterdir()) and not (out / "trials").is_dir():
        raise InputError(f"{out}: is not empty and holds no sweep; choose another --out")
    with cluster.ray_session():
        _run_trials(sweep, trials, out)
    records = {name: Record.read(out / "trials" / name) for name in trials}
    rows = [
        _summarise(point, [records[f"point{i:03d}-seed{e.seed}"] for e in point.experiments])
        for i, point in enumerate(points)
    ]
    rows.sort(key=lambda row: -row["selection_val"]["mean"])
    summary = {"sweep": path.name, "seeds": list(sweep.seeds), "summary": rows}
    write_text(out / RESULTS, json.dumps(summary, indent=2) + "\n")
    console.print(_table(rows, len(sweep.seeds)))
    console.print(f"sweep: {out / RESULTS}", markup=False)
    return out / RESULTS


def _run_trials(sweep: SweepConfig, trials: Mapping[str, Experiment], out: Path) -> None:
    """Run what is not finished yet, all on one pool of evaluators."""
    first = next(iter(trials.values()))
    plan = plan_evaluators(first.evaluators, cluster.nodes(), 1 - TRIAL_GPU_SHARE)
    # Started here, by the driver: what a trial starts would be caught in its placement group.
    with running_broker(plan), progress_bar("trials", len(trials)) as bar:
        evaluators = counted(plan.count, "evaluator")
        console.print(
            f"{counted(len(trials), 'trial')} on {evaluators} ({plan.reason})", markup=False
        )
        if plan.gpus_each and not plan.gpu_left:
            console.print(
                f"warning: evaluators.gpus_each {plan.gpus_each:g} leaves nothing of a GPU to the "
                "trials, which train their feature extractors there all the same; "
                f"{1 - TRIAL_GPU_SHARE:g} would leave them a part",
                style="yellow",
                markup=False,
            )
        results = _tuner(sweep, trials, out, plan, bar).fit()
    if results.errors:
        raise find_input_error(results.errors[0]) or results.errors[0]


def _tuner(
    sweep: SweepConfig, trials: Mapping[str, Experiment], out: Path, plan: EvaluatorPlan, bar: Bar
) -> tune.Tuner:
    # Otherwise Tune makes of Ctrl-C a sweep that seems to have ended.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # Its tables and tracebacks, beside our bar and our own error.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    num_runners = max(num_env_runners(e, plan.count) for e in trials.values())
    waits = all(experiment.reward.needs_evaluators for experiment in trials.values())
    own = {"CPU": TRIAL_CPUS if waits else PROBING_TRIAL_CPUS}
    if plan.gpu_left:
        own["GPU"] = plan.gpu_left / TRIALS_A_GPU
    bundles = [own, *[{"CPU": TRIAL_CPUS}] * num_runners]
    settings = {name: to_dict(experiment) for name, experiment in trials.items()}
    trial = partial(_run_trial, settings, out, plan.gpu_left)
    return tune.Tuner(
        tune.with_resources(trial, tune.PlacementGroupFactory(bundles)),
        param_space={"trial": tune.grid_search(list(trials))},
        tune_config=tune.TuneConfig(
            max_concurrent_trials=sweep.max_concurrent,
            trial_dirname_creator=lambda t: t.config["trial"],
            trial_name_creator=lambda t: t.config["trial"],
        ),
        run_config=tune.RunConfig(
            name="tune", storage_path=str(out), verbose=0, callbacks=[_Advance(bar)]
        ),
    )


def _run_trial(
    settings: dict[str, dict], out: Path, gpu_left: float, chosen: dict[str, Any]
) -> None:
    name = chosen["trial"]
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


def _nested(key: str, value: Any) -> dict[str, Any]:
    """`a.b` and 1 to {"a": {"b": 1}}."""
    *parents, last = key.split(".")
    nested: dict[str, Any] = {last: value}
    for parent in reversed(parents):
        nested = {parent: nested}
    return nested


def _summarise(point: Point, records: list[Record]) -> dict[str, Any]:
    """Mean and sample standard deviation over seeds of what tells settings apart."""
    values: dict[str, list[float]] = {
        "selection_val": [record.learning["selection_val"] for record in records]
    }
    for metric in ("accuracy", "auc"):
        found = [record.scores.get("controller", {}).get(metric) for record in records]
        values[f"test_{metric}"] = [mean_and_std(v)[0] for v in found if v]
    values["truth_auc"] = [
        record.truth["controller"]["auc"] for record in records if record.truth is not None
    ]
    row: dict[str, Any] = {"point": point.name, "settings": point.settings, "n": len(records)}
    for name, series in values.items():
        mean, std = mean_and_std(series)
        row[name] = {"mean": mean, "std": std, "values": series}
    return row


def _table(rows: list[dict[str, Any]], num_seeds: int) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title="best on selection-val first; mean ± sample std over " + counted(num_seeds, "seed"),
    )
    table.add_column("settings")
    shown = ("selection_val", "truth_auc", "test_accuracy", "test_auc")
    shown = [name for name in shown if any(row[name]["values"] for row in rows)]
    for name in shown:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(row["point"], *(_figure(row[name]) for name in shown))
    return table


def _figure(value: dict[str, Any]) -> str:
    spread = "" if value["std"] != value["std"] else f" ± {value['std']:.3f}"  # NaN with one seed
    return f"{value['mean']:.3f}{spread}" if value["values"] else "-"
