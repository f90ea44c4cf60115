"""`init`: write a config under a temporary name, check it like `rlsel check`, then rename it."""

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
from rlsel.machine.atomic_files import replacing, write_text
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
    if out.exists():
        raise InputError(f"{out}: is there already; choose another --out, or remove it first")
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
    schema = out.with_name(SCHEMA.name)
    write_text(schema, SCHEMA.read_text(encoding="utf-8"))
    shown = shlex.quote(str(out))
    console.print(f"\n{out} is written. Read it; then type", markup=False)
    console.print(f"  rlsel check {shown}    reads everything again, trains nothing", markup=False)
    console.print(f"  rlsel run {shown}      learns, scores, writes a report", markup=False)
    console.print(f"{schema} lets editors complete and check it; it may be deleted.", markup=False)


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
