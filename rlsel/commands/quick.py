"""`rlsel quick`: the best set that is free to name, without any learning."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rlsel.commands.typed import (
    ConfigArgument,
    OutOption,
    ResumeOption,
    SeedOption,
    run_as_typed,
)

if TYPE_CHECKING:
    from rlsel.experiment.config import Experiment


def quick(
    config: ConfigArgument = None,
    seed: SeedOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
) -> None:
    """Say in a minute which free score selects best, and how much to keep. Test is not read.

    The best candidates by every free score are tried at several shares of the pool, each with one
    probe. Nothing is learned. The run folder can be reported and exported as any other.

    [bold]Examples[/bold]

      rlsel quick my.yaml

      rlsel quick my.yaml --out runs/quick && rlsel export runs/quick --to selected
    """
    from rlsel.experiment.config import load_experiment

    experiment = without_learning(load_experiment(config))
    run_as_typed("quick", experiment, config, seed, out, resume)


def without_learning(experiment: "Experiment") -> "Experiment":
    """The same experiment up to the free sets: no controller, no rivals, no final trainings."""
    reward = experiment.reward
    return replace(
        experiment,
        selection=replace(experiment.selection, methods=("free",), recommend="learned"),
        reward=replace(reward, fidelity="probe", final_fidelity=None, repeats=1),
        evaluation=replace(experiment.evaluation, rounds=0),
        audit=replace(experiment.audit, classification_rounds=0),
    )
