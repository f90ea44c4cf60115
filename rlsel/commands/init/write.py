"""`init`: write a config under a temporary name, check it like `rlsel check`, then rename it."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

from rlsel import __version__
from rlsel.commands.check import check_inputs
from rlsel.commands.init.choose import blocks_for, blocks_of_default
from rlsel.commands.init.noted import comment, commented_yaml
from rlsel.errors import InputError
from rlsel.experiment.config import load_experiment, name_after
from rlsel.experiment.describe import SCHEMA
from rlsel.experiment.json_schema import TITLE
from rlsel.machine.atomic_files import replacing, require_new, write_text
from rlsel.machine.progress import console


def init(
    images: str | None,
    candidates: str | None,
    out: Path,
    label: str | None = None,
    command: str = "rlsel init",
) -> None:
    """Write a config for images and candidates, or for neither, and print the findings.

    Args:
        images: The real images: a folder, file or glob; None writes the built-in default.
        candidates: The candidates to select from; None lets a generator make them.
        out: The file to write.
        label: The column of the classes, for Parquet; None finds it.
        command: The typed command, for the comment at the top.

    Raises:
        InputError: `out` exists, or a file cannot be read. Nothing is written then.
    """
    require_new(out, "--out")
    if images is None and (candidates is not None or label is not None):
        raise InputError("candidates are chosen for real images: give those too, by --images")
    if images is None:
        blocks = blocks_of_default()
    else:
        blocks = blocks_for(images, candidates, label, out.parent)
    text = _head(command, out) + commented_yaml(blocks)
    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
        check_inputs(replace(load_experiment(temporary), name=name_after(out)))
    about_schema = _write_schema(out.with_name(SCHEMA.name))
    shown = shlex.quote(str(out))
    console.print(f"\n{out} is written. Read it; then type", markup=False)
    console.print(f"  rlsel check {shown}    reads everything again, trains nothing", markup=False)
    console.print(f"  rlsel run {shown}      learns, scores, writes a report", markup=False)
    console.print(about_schema, markup=False)


def _write_schema(path: Path) -> str:
    """Write the schema beside the config, unless another file has its name; says what was done."""
    if os.path.lexists(path) and not _is_schema_of_rlsel(path):
        return (
            f"{path} is there already and not of rlsel, so it stays as it is; `rlsel config "
            "--schema` prints the schema by which editors complete and check a config."
        )
    write_text(path, SCHEMA.read_text(encoding="utf-8"))
    return f"{path} lets editors complete and check it; it may be deleted."


def _is_schema_of_rlsel(path: Path) -> bool:
    """Whether this or another version of rlsel wrote the file."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("title") == TITLE


def _head(command: str, out: Path) -> str:
    shown = shlex.quote(str(out))
    text = (
        f"Written by rlsel {__version__}: {command}\n"
        "It states what a first run needs; everything else has its default. `rlsel config` lists "
        "all that can be set, and `rlsel config reward` explains a block. Next:\n"
        f"  rlsel check {shown}\n"
        f"  rlsel run {shown}"
    )
    return "\n".join([f"# yaml-language-server: $schema={SCHEMA.name}", *comment(text), ""])
