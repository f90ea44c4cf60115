"""The whole program: images and candidates in, a learned selection and its honest test score out.

`run` is the first thing to read; every line of `_select_and_score` names the package to open next.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rlsel.commands.check import describe_settings_and_inputs, read_inputs
from rlsel.commands.generate import generated_pool
from rlsel.data import Splits
from rlsel.evaluation import find_truth, kinds_kept, score_selections
from rlsel.evaluation.truth import batch_of_candidates
from rlsel.experiment.config import Experiment, default_experiment
from rlsel.features import CandidateTable, Features, build_problem, describe_candidates
from rlsel.features.stored import extract_or_load
from rlsel.machine.monitoring import PeakMemory
from rlsel.machine.progress import console
from rlsel.pool import Pool
from rlsel.quality.of_run import risk_of
from rlsel.reporting import print_table, save_contact_sheets, write_report
from rlsel.rewards import Workbench
from rlsel.rewards.pool import evaluation_pool
from rlsel.runs.folder import FEATURES, LEDGER, RunFolder, claim, new_record
from rlsel.runs.record import Record
from rlsel.runs.selection_table import selection_of, write_selection
from rlsel.seeding import rng
from rlsel.selectors import SELECTORS, BaselineInputs, Selection
from rlsel.selectors.own_rule import own_rule
from rlsel.selectors.peers import PeerInputs
from rlsel.stages.candidates import pool_of_run
from rlsel.stages.examination import examine
from rlsel.stages.learning import learn


@dataclass(frozen=True)
class Result:
    """What `run` returns: the numbers, the selection, and the folder that holds it all."""

    record: Record
    selection: Selection
    run_dir: Path


def run(
    experiment: Experiment | None = None,
    *,
    out: Path | str | None = None,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
) -> Result:
    """Carry out an experiment from its images to its report.

    Args:
        experiment: None is the built-in default.
        out: The run folder; None takes the next free name under `runs/`.
        resume: Go on with an interrupted run; its finished evaluations are not paid for again.
        quiet: Print nothing of the result; a sweep prints its own table.
        command: What was typed, for the record.

    Raises:
        InputError: something the user gave is wrong.
    """
    experiment = experiment or default_experiment()
    blank = new_record(experiment, command)
    with claim(experiment, Path(out) if out else None, resume, blank) as folder:
        if not folder.record.finished:
            with PeakMemory() as memory:
                splits, pool = _read_inputs(experiment, folder)
                select_and_score(experiment, splits, pool, folder, memory)
        report = write_report(folder.path)
    if not quiet:
        print_table(folder.record, console)
        console.print(f"report: {report}", markup=False)
    return Result(folder.record, selection_of(folder.path), folder.path)


def select_and_score(
    experiment: Experiment,
    splits: Splits,
    pool: Pool,
    folder: RunFolder,
    memory: PeakMemory,
) -> Selection:
    """Everything after the inputs are read: features, learning, final scores, record."""
    seed = experiment.seed
    inputs = describe_settings_and_inputs(experiment, splits, pool)
    folder.require_same(splits.train.digest, pool.digest)
    folder.update(
        notes=[finding.text for finding in inputs.findings if finding.level == "note"],
        warnings=[*dict.fromkeys((*folder.record.warnings, *inputs.warnings))],
        class_names=list(splits.class_names),
        data_digest=splits.train.digest,
        pool_digest=pool.digest,
    )
    extracted = extract_or_load(
        experiment.features,
        splits,
        pool,
        seed,
        folder.path / FEATURES,
        keep_weights="finetune" in experiment.reward.fidelities,
    )
    features = extracted.features
    table = describe_candidates(features, pool.candidates, splits.train, splits.reward_val)
    problem = build_problem(
        experiment.features, features, table, len(splits.class_names), rng(seed, "batches")
    )
    folder.finish_stage("features")
    audit = examine(experiment, splits, pool, features, folder)

    workbench = Workbench.of(
        splits,
        pool.candidates,
        features,
        experiment.classifier,
        experiment.reward,
        extracted.weights,
        experiment.evaluators.trainings_at_once,
    )
    with evaluation_pool(experiment.evaluators, workbench, folder.path / LEDGER) as evaluators:
        folder.finish_stage("evaluators")
        _note_arithmetic(experiment, folder, evaluators.arithmetic)
        learned = learn(experiment, problem, splits.class_names, evaluators, folder)
        folder.finish_stage("learning")
        selections = _choose(experiment, splits, features, table, pool, learned)
        shown = learned or next(s for s in selections if s.method != "real_only")
        write_selection(folder.path, pool, table, batch_of_candidates(problem), shown)
        folder.update(copies=risk_of(audit, shown.kept_N))
        scores = {}
        if len(splits.test):  # arrays may come without
            scores = score_selections(
                experiment.evaluation, evaluators.evaluations, selections, seed
            )
        folder.finish_stage("final evaluation")
        folder.update(
            evaluations=evaluators.counts(),
            utilisation=evaluators.utilisation(),
            warnings=[*folder.record.warnings, *evaluators.warnings()],
        )

    truth = None
    if pool.useful is not None:
        truth = find_truth(selections, table.free_scores, problem, pool.useful, shown.num_kept)
    kinds = None
    if pool.kinds is not None:
        kinds = kinds_kept(pool.kinds, selections, learned and learned.score_N)
    save_contact_sheets(
        folder.path,
        pool.candidates.images,
        pool.candidates.labels,
        pool.candidates.class_names,
        shown.kept_N,
        np.full(len(pool), np.nan) if shown.score_N is None else shown.score_N,
        rng(seed, "contact sheets"),
    )
    folder.update(
        finished=True,
        scores=scores,
        num_kept={selection.method: selection.num_kept for selection in selections},
        truth=truth,
        truth_by_kind=kinds,
        peak_memory_gib=max(memory.gib, np.nan_to_num(folder.record.peak_memory_gib)),
    )
    return shown


def _read_inputs(experiment: Experiment, folder: RunFolder) -> tuple[Splits, Pool]:
    try:
        splits, pool = read_inputs(experiment)
    except Exception:  # whatever was wrong with the inputs: no folder is left behind
        folder.abandon()
        raise
    folder.finish_stage("data")
    if pool is None:
        made = pool_of_run(
            experiment, splits, folder.path, partial(generated_pool, experiment, splits, folder)
        )
        folder.finish_stage("generator")
        return splits, made
    return splits, pool_of_run(experiment, splits, folder.path, lambda: pool)


def _note_arithmetic(experiment: Experiment, folder: RunFolder, now: str) -> None:
    """What the ledger has of another arithmetic is not used; what was learned by it stays."""
    before = folder.record.arithmetic
    folder.update(arithmetic=now)
    if before not in ("", now) and experiment.reward.fidelities != ("probe",):
        folder.update(
            warnings=[
                *folder.record.warnings,
                f"this run began on evaluators that train in {before} and went on in {now}, so "
                "rewards of its iterations are of both; state classifier.precision, and resume on "
                "the same kind of machine",
            ]
        )


def _choose(
    experiment: Experiment,
    splits: Splits,
    features: Features,
    table: CandidateTable,
    pool: Pool,
    learned: Selection | None,
) -> list[Selection]:
    """Every method's selection at the same budget, in the order of the final table."""
    fraction = experiment.selection.keep_fraction or 0.5
    budget = learned.num_kept if learned else round(fraction * len(pool))
    peers = PeerInputs.of(
        features, splits.train, splits.reward_val, pool.candidates, experiment.selection.peers
    )
    num_keep_C = None
    if learned and experiment.selection.ranges_of(splits.class_names):
        kept_labels = pool.candidates.labels[learned.kept_N]
        num_keep_C = tuple(np.bincount(kept_labels, minlength=len(splits.class_names)).tolist())
    inputs = BaselineInputs(
        table, budget, experiment.evaluation.rounds, pool.useful, peers, num_keep_C
    )
    names = ["real_only", *(m for m in experiment.selection.methods if m != "controller")]
    if pool.useful is not None:
        names.append("oracle")
    selectors = {name: SELECTORS.get(name) or own_rule(name, experiment.folder) for name in names}
    chosen = [
        select(inputs, rng(experiment.seed, "selector", name)) for name, select in selectors.items()
    ]
    return [*chosen, learned] if learned else chosen
