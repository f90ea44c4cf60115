"""The whole program: images and candidates in, a learned selection and its honest test score out.

`run` is the first thing to read. Every line of `select_and_score` names the stage to open next. A
stage takes values and returns a value; what it returned is written into the run folder here.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rlsel.data import Splits
from rlsel.experiment.config import Experiment, default_experiment
from rlsel.features import Extracted, extractions
from rlsel.features.extract import digest_of
from rlsel.machine.progress import console
from rlsel.machine.workplace import Workplace
from rlsel.pool import Pool
from rlsel.reporting import print_table, write_report
from rlsel.reporting.free_sets import best_free_set
from rlsel.rewards import Workbench
from rlsel.rewards.elsewhere import workplace
from rlsel.rewards.pool import EvaluationPool, evaluation_pool, evaluations_here
from rlsel.runs.claim import claim, new_record
from rlsel.runs.folder import GENERATOR, LEDGER, RunFolder
from rlsel.runs.record import Record
from rlsel.runs.selection_table import selection_of
from rlsel.runs.tensorboard import TensorBoard
from rlsel.selectors import Selection
from rlsel.selectors.free import FreeSets
from rlsel.stages.candidates import Candidates, generation, without_copies
from rlsel.stages.choosing import choose
from rlsel.stages.description import Description, describe
from rlsel.stages.examination import examine
from rlsel.stages.free import try_free_sets
from rlsel.stages.inputs import describe_settings_and_inputs, digests_of_weights, read_inputs
from rlsel.stages.judging import compare_with_truth, score
from rlsel.stages.learning import learn
from rlsel.stages.pool_limits import warn_of_size
from rlsel.stages.recommending import recommend

NOT_TRIED = "free sets are not tried for so many candidates; `free` among the methods asks for them"


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
            splits, given = read(experiment, folder)
            with workplace(experiment.evaluators, experiment.classifier.precision) as where:
                candidates = given or make_candidates(experiment, splits, folder, where)
                select_and_score(experiment, splits, candidates, folder, where)
        report = write_report(folder.path)
    if not quiet:
        print_table(folder.record, console)
        console.print(f"report: {report}", markup=False)
    return Result(folder.record, selection_of(folder.path), folder.path)


def read(experiment: Experiment, folder: RunFolder) -> tuple[Splits, Candidates | None]:
    """The real images and the given candidates; None if a generator is to make them."""
    with folder.reading_inputs():
        splits, given = read_inputs(experiment)
        folder.require_same(splits, **digests_of_weights(experiment))
        return splits, None if given is None else without_copies(experiment, splits, given)


def make_candidates(
    experiment: Experiment, splits: Splits, folder: RunFolder, where: Workplace
) -> Candidates:
    """The candidates that the generator of the experiment makes."""
    with folder.stage("generator") as stage:
        made = generation(experiment, splits, folder.path / GENERATOR, stage.book_time, where)
        candidates = stage.keep(made)
        stage.ran_at(where)
        return candidates


def extract_and_describe(
    experiment: Experiment, splits: Splits, pool: Pool, folder: RunFolder, where: Workplace
) -> tuple[list[Extracted], Description]:
    """Features of every sample but those of test, by each extractor, and the candidates as they are
    described."""
    with folder.stage("features") as stage:
        keep_weights = "finetune" in experiment.reward.fidelities
        works = extractions(experiment.features, splits, pool, experiment.seed, keep_weights, where)
        folds = [stage.keep(work) for work in works]
        stage.ran_at(where)
        features = [extracted.features for extracted in folds]
        folder.require_same(splits, features=digest_of(features))
        return folds, describe(experiment, splits, pool, features)


@contextmanager
def evaluators_of(
    experiment: Experiment,
    splits: Splits,
    pool: Pool,
    folds: list[Extracted],
    folder: RunFolder,
) -> Iterator[EvaluationPool]:
    """The evaluators of the run, up as long as the block lasts."""
    with ExitStack() as evaluators_are_up:
        with folder.stage("evaluators"):
            workbench = Workbench.of(
                splits,
                pool.candidates,
                [extracted.features for extracted in folds],
                experiment.classifier,
                experiment.reward,
                folds[0].weights,
                experiment.evaluators.trainings_at_once,
            )
            evaluators = evaluators_are_up.enter_context(
                evaluation_pool(experiment.evaluators, workbench, folder.path / LEDGER)
                if experiment.trains
                else evaluations_here(workbench, folder.path / LEDGER)
            )
            folder.write_arithmetic(evaluators.arithmetic, experiment.reward.fidelities)
        yield evaluators
        folder.write_evaluations(evaluators)


def tried_free_sets(
    experiment: Experiment,
    splits: Splits,
    described: Description,
    evaluators: EvaluationPool,
    folder: RunFolder,
) -> FreeSets | None:
    """What the sets are worth that need no learning; None for a pool that is too large."""
    with folder.stage("free sets"):
        free = try_free_sets(experiment, described, splits.class_names, evaluators)
        folder.write_free_sets(free, experiment.reward.metric)
        console.print(best_free_set(folder.record) or NOT_TRIED, markup=False)
        return free


def learned_selection(
    experiment: Experiment,
    splits: Splits,
    described: Description,
    evaluators: EvaluationPool,
    folder: RunFolder,
) -> Selection | None:
    """The controller's selection; None if it is not among the methods."""
    with folder.stage("learning") as stage, TensorBoard(folder.path) as board:

        def on_iteration(row: dict) -> None:
            stage.book_time()
            board.show(row)

        learned = learn(
            experiment,
            described.problem,
            splits.class_names,
            evaluators,
            folder.path,
            on_iteration,
        )
        folder.write_learning(learned)
        return learned and learned.selection


def select_and_score(
    experiment: Experiment,
    splits: Splits,
    candidates: Candidates,
    folder: RunFolder,
    where: Workplace,
) -> Selection:
    """Everything after the inputs: features, learning, final scores. Returns what was selected."""
    pool = candidates.pool
    folder.begin(describe_settings_and_inputs(experiment, splits, pool), splits, candidates)
    warn_of_size(experiment, splits.train, len(pool))

    folds, described = extract_and_describe(experiment, splits, pool, folder, where)

    with folder.stage("audit") as stage:
        examined = examine(experiment, splits, pool, described.features, where=where)
        stage.ran_at(where)
        folder.write_examination(examined, candidates.dropped)

    with evaluators_of(experiment, splits, pool, folds, folder) as evaluators:
        free = tried_free_sets(experiment, splits, described, evaluators, folder)
        learned = learned_selection(experiment, splits, described, evaluators, folder)

        with folder.stage("finalists"):
            recommended = recommend(experiment, free, learned, evaluators.evaluations)
            folder.write_recommendation(recommended)

        with folder.stage("final evaluation"):
            selections = choose(experiment, splits, pool, described, learned, free)
            shown = recommended.selection if recommended else learned or selections[1]
            if shown.method not in {one.method for one in selections}:
                selections.append(shown)
            folder.write_selection(splits, pool, described, examined, shown, learned)
            scores = score(experiment, splits, evaluators.evaluations, selections)

    folder.finish(scores, selections, compare_with_truth(pool, described, selections, shown))
    return shown
