"""`rlsel config`: its options, help texts and their combinations."""

from typing import Annotated

import typer

from rlsel.commands.completion import complete_key
from rlsel.errors import InputError


def config(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY",
            help="A setting or a block, such as reward.metric. None: all blocks.",
            autocompletion=complete_key,
        ),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print a JSON schema, for editors.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print every setting as a page.")
    ] = False,
) -> None:
    """Explain what can be set in a config: default, type and meaning.

    [bold]Examples[/bold]

      rlsel config                                  every block, a line each

      rlsel config reward                           the settings of a block

      rlsel config reward.metric                    all about one

      rlsel config data.source.folder               a block of one of several kinds

      rlsel config --schema > rlsel.schema.json     completion and checks in editors
    """
    if (key is not None) + schema + markdown > 1:
        raise InputError("give one of KEY, --schema and --markdown")
    if schema:
        from rlsel.experiment.json_schema import json_schema_text

        print(json_schema_text(), end="")
    elif markdown:
        from rlsel.commands.config.page import config_page

        print(config_page(), end="")
    elif key is None:
        from rlsel.commands.config.terminal import print_blocks

        print_blocks()
    else:
        from rlsel.commands.config.terminal import print_setting

        print_setting(key)
