"""What verbs share: arguments, the command that was typed, and what to type after Ctrl-C."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlsel.commands.completion import complete_config, complete_run

if TYPE_CHECKING:
    from rlsel.experiment.config import Experiment

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG.yaml",
        help="None: the built-in default.",
        autocompletion=complete_config,
    ),
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder.", autocompletion=complete_run)
]
SeedOption = Annotated[int | None, typer.Option(min=0, help="Overrides the config's.")]
OutOption = Annotated[
    Path | None, typer.Option(help="Run folder; by default the next free one under runs/.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")]


def interrupted(command: str) -> typer.Exit:
    """Say after Ctrl-C what to type to go on."""
    print(f"\ninterrupted; nothing finished is lost. Go on with: {command}", file=sys.stderr)
    return typer.Exit(130)


def command_to_resume(name: str, config: Path | None, seed: int | None, out: Path | None) -> str:
    """What to type to go on."""
    words = ["rlsel", name, *([str(config)] if config else ())]
    words += [*(["--seed", str(seed)] if seed is not None else ())]
    return shlex.join([*words, *(["--out", str(out)] if out else ()), "--resume"])


def run_as_typed(
    name: str,
    experiment: "Experiment",
    config: Path | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Carry out an experiment by a verb; after Ctrl-C say how to go on."""
    from rlsel.pipeline import run

    if seed is not None:
        experiment = experiment.with_seed(seed)
    try:
        run(experiment, out=out, resume=resume, command=typed())
    except KeyboardInterrupt:
        raise interrupted(command_to_resume(name, config, seed, out)) from None


def typed() -> str:
    """The command as it was typed, ready to be pasted into a shell."""
    return shlex.join(["rlsel", *sys.argv[1:]])
