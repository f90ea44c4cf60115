"""`rlsel init`: its options and help texts."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def init(
    images: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="The real images: a folder, file or glob. None: the built-in default.",
        ),
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="What is to be selected from: a folder, file or glob. None: a GAN makes it.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The config to write.")] = Path("my.yaml"),
    label_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of the classes, where Parquet has several."),
    ] = None,
) -> None:
    """Look at your images and write a commented config that runs.

    Everything is read as `rlsel check` does, so a config that is written is one that works.

    [bold]Examples[/bold]

      rlsel init --images slides --candidates gan_images

      rlsel init --images slides                    a GAN makes the candidates

      rlsel init --images 'data/*.parquet' --out parquet.yaml

      rlsel init                                    built-in images, to try it out
    """
    from rlsel.commands.init.write import init as write

    write(images, candidates, out, label_column, shlex.join(["rlsel", *sys.argv[1:]]))
