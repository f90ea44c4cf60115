"""The command line: names, help and exit codes. Everything else is imported when it is needed."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from rlsel.commands.completion import complete_config
from rlsel.commands.config.verb import config as config_verb
from rlsel.commands.init.verb import init as init_verb
from rlsel.commands.quick import quick as quick_verb
from rlsel.commands.typed import (
    ConfigArgument,
    OutOption,
    ResumeOption,
    RunArgument,
    SeedOption,
    command_to_resume,
    interrupted,
    run_as_typed,
    typed,
)
from rlsel.errors import InputError, describe_unforeseen, find_input_error

app = typer.Typer(
    name="rlsel",
    help="Learns which synthetic samples are worth training on.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from rlsel import __version__

        print(f"rlsel {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Learns which synthetic samples are worth training on."""


@app.command()
def run(
    config: ConfigArgument = None,
    seed: SeedOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
) -> None:
    """Learn a selection, score it on test against its rivals, write a report.

    [bold]Examples[/bold]

      rlsel run                                    the built-in default, a few minutes

      rlsel run my.yaml --seed 3 --out runs/mine

      rlsel run my.yaml --seed 3 --out runs/mine --resume
    """
    from rlsel.experiment.config import load_experiment

    run_as_typed("run", load_experiment(config), config, seed, out, resume)


@app.command()
def check(
    config: ConfigArgument = None,
    ids: Annotated[
        Path | None,
        typer.Option(help="CSV file to write: part, id, class (and patient) of every image."),
    ] = None,
) -> None:
    """Read all inputs and print what was found. Trains nothing.

    [bold]Examples[/bold]

      rlsel check my.yaml

      rlsel check my.yaml --ids ids.csv    to compute features of the images elsewhere
    """
    from rlsel.commands.check import check_inputs
    from rlsel.experiment.config import load_experiment

    check_inputs(load_experiment(config), ids)


@app.command()
def generate(
    config: ConfigArgument = None,
    out: Annotated[Path | None, typer.Option(help="Folder for checkpoint, grids and pool.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted training.")
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option("--from", help="Only make images with this generator.pt.")
    ] = None,
    per_class: Annotated[
        int | None,
        typer.Option(min=1, help="Images of each class, with --from.", show_default="2048"),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="A class to make, with --from; may be repeated.", show_default="all"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Overrides the config's, or that of the checkpoint.")
    ] = None,
) -> None:
    """Train a GAN on the training images of a config, and make a pool of candidates with it.

    [bold]Examples[/bold]

      rlsel generate my.yaml                        writes runs/generate-my/pool.parquet

      rlsel generate my.yaml --out mine --resume    goes on after Ctrl-C

      rlsel generate --from mine/generator.pt --per-class 4096 --out more.parquet

      rlsel generate --from mine/generator.pt --class tumour --out tumour.parquet
    """
    from rlsel.commands.generate import generate as train_and_sample
    from rlsel.experiment.config import load_experiment
    from rlsel.machine.file_names import plain_name

    if checkpoint is not None:
        if config is not None or resume:
            raise InputError("--from makes images only: leave out CONFIG.yaml and --resume")
        _sample(checkpoint, per_class, seed, out, classes)
        return
    if per_class is not None:
        raise InputError("--per-class goes with --from; in a config it is generator.num_per_class")
    if classes:
        raise InputError("--class goes with --from; in a config it is generator.classes")
    experiment = load_experiment(config)
    if seed is not None:
        experiment = experiment.with_seed(seed)
    folder = out or Path("runs") / plain_name(f"generate-{experiment.name}")
    try:
        train_and_sample(experiment, folder, resume, typed())
    except KeyboardInterrupt:
        raise interrupted(command_to_resume("generate", config, seed, folder)) from None


def _sample(
    checkpoint: Path,
    per_class: int | None,
    seed: int | None,
    out: Path | None,
    classes: list[str] | None,
) -> None:
    from rlsel.commands.generate import sample
    from rlsel.machine.progress import console

    pool, to = sample(checkpoint, per_class, seed, out, classes)
    console.print(f"{len(pool):,} candidates written to {to}", markup=False)


@app.command(name="import")
def import_images(
    images: Annotated[
        str,
        typer.Argument(metavar="IMAGES", help="Folder of class folders, Parquet, glob or NPZ."),
    ],
    config: Annotated[
        Path,
        typer.Option(help="The config with the real images.", autocompletion=complete_config),
    ],
    to: Annotated[Path, typer.Option(help="Parquet file to write.")],
    source: Annotated[
        str | None, typer.Option(help="Where the images come from, for the record.")
    ] = None,
    drop_copies: Annotated[
        bool, typer.Option("--drop-copies", help="Leave out copies of training images.")
    ] = False,
    label_column: Annotated[
        str | None, typer.Option(help="The column of the classes, where Parquet has several.")
    ] = None,
) -> None:
    """Turn images of any other generator into a pool, and look for copies of training images.

    [bold]Examples[/bold]

      rlsel import ~/diffusion --config my.yaml --to pool.parquet

      rlsel import 'made/*.parquet' --config my.yaml --to pool.parquet --drop-copies
    """
    from rlsel.commands.import_pool import import_pool
    from rlsel.experiment.config import load_experiment
    from rlsel.machine.progress import console
    from rlsel.pool.checks import absent_classes

    found = import_pool(load_experiment(config), images, to, source, drop_copies, label_column)
    for note in (*found.pool.notes, *absent_classes(found.pool)):
        console.print(f"note: {note}", markup=False)
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    pairs = f". Nearest pairs: {found.picture}" if found.picture else ""
    console.print(f"{found.copies}{pairs}", markup=False)
    console.print(f"{len(found.pool):,} candidates written to {to}", markup=False)


@app.command()
def report(run_dir: RunArgument) -> None:
    """Print a finished run's table and draw its report again.

    [bold]Example[/bold]

      rlsel report runs/default-0a1b2c-seed0
    """
    from rlsel.machine.progress import console
    from rlsel.reporting import print_table, write_report
    from rlsel.runs.record import Record

    path = write_report(run_dir)
    print_table(Record.read(run_dir), console)
    console.print(f"report: {path}", markup=False)


@app.command()
def export(
    run_dir: RunArgument,
    to: Annotated[Path, typer.Option(help="Folder to make; it gets one folder per class.")],
    originals: Annotated[
        bool,
        typer.Option("--originals", help="Your own files, where the candidates came from files."),
    ] = False,
) -> None:
    """Write the selected images, a folder per class, with selection.parquet.

    They are written as they were trained on, as PNG; with --originals as you gave them.

    [bold]Examples[/bold]

      rlsel export runs/default-0a1b2c-seed0 --to selected

      rlsel export runs/mine --to selected --originals
    """
    from rlsel.commands.export import export_selection
    from rlsel.machine.progress import console
    from rlsel.machine.wording import counted

    exported = export_selection(run_dir, to, originals)
    for line in exported.told(originals):
        console.print(line, markup=False)
    written = counted(exported.num_samples, f"selected {exported.noun}")
    console.print(f"{written} written to {to}", markup=False)


@app.command()
def tune(
    sweep: Annotated[
        Path,
        typer.Argument(
            metavar="SWEEP.yaml",
            help="Experiment, grid, seeds.",
            autocompletion=complete_config,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the sweep; by default runs/NAME.")
    ] = None,
) -> None:
    """Run a grid of settings and seeds on one pool of evaluators; print and write the table.

    Started again with the same folder it goes on where it stopped.

    [bold]Example[/bold]

      rlsel tune tune_configs/sweep_epsilon_alpha_lr.yaml
    """
    from rlsel.commands.tuning import run_sweep

    try:
        code = run_sweep(sweep, out or Path("runs") / sweep.stem)
    except KeyboardInterrupt:
        raise interrupted(typed()) from None
    raise typer.Exit(code)


app.command("init")(init_verb)
app.command("quick")(quick_verb)
app.command("config")(config_verb)


def main() -> None:
    """Entry point: a user's mistake is one line and exit code 2, never a traceback.

    An error that nobody foresaw is one line as well, with where its traceback was written, and exit
    code 1.
    """
    try:
        app(prog_name="rlsel")  # by which the shell knows what to complete
    except Exception as error:
        if "_RLSEL_COMPLETE" in os.environ:  # the user is typing, and would get it into the line
            raise SystemExit(1) from None
        from rlsel.machine.wording import below_here

        mistake = find_input_error(error)
        if mistake is None:
            print(f"rlsel: {describe_unforeseen(error, typed())}", file=sys.stderr)
            raise SystemExit(1) from None
        print(f"rlsel: {below_here(' '.join(str(mistake).splitlines()))}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
