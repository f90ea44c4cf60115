"""The files that a training leaves in its folder, whatever the generator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlsel.errors import InputError
from rlsel.machine.json_files import from_json

CHECKPOINT = "generator.pt"
"""By `torch.save`: a dict of plain values and tensors. Its `about` holds the fields of `About`, its
`layout` is that of its generator."""
STEPS = "steps.jsonl"
"""A row for each time that a training showed itself. `step` and `images`, the real images seen, are
in every row, and so are the columns of the generator's panels."""
GRIDS = "grids"
"""Pictures of what it made at a step: a row for each class, always of the same noise."""


def grid_at(folder: Path, step: int) -> Path:
    """Where the grid of a step lies."""
    return folder / GRIDS / f"step_{step:07d}.png"


def grids_in(folder: Path) -> list[Path]:
    """All grids, the oldest first."""
    return sorted((folder / GRIDS).glob("step_*.png"))


def read_rows(folder: Path, last_step: int | None = None) -> list[dict[str, Any]]:
    """Rows up to a step; what was shown after the checkpoint is shown again.

    Args:
        last_step: None takes all rows.
    """
    path = folder / STEPS
    if not path.exists():
        return []
    rows = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if last_step is None or row["step"] <= last_step]


def read_stored(path: Path) -> dict[str, Any]:
    """What the file of a checkpoint holds.

    Raises:
        InputError: there is none, or it is damaged.
    """
    import torch  # takes seconds

    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint")
    with refusing_damage(path):
        stored = torch.load(path, map_location="cpu", weights_only=True)
        _ = stored["layout"], stored["about"]["settings"]["name"]
        return stored


def require_layout(path: Path, stored: Mapping[str, Any], layout: int) -> None:
    """Refuse a checkpoint that another version wrote.

    Raises:
        InputError: says so.
    """
    if stored["layout"] != layout:
        raise InputError(
            f"{path}: was written by another version of rlsel (layout {stored['layout']}, "
            f"this one reads {layout}): remove it to train anew"
        )


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Within it any error is one of a damaged checkpoint.

    Raises:
        InputError: says so.
    """
    try:
        yield
    except InputError:
        raise
    except Exception:  # torch raises whatever the broken bytes led it into
        raise InputError(
            f"{path}: is no checkpoint of a generator, or a damaged one; give another, or "
            "remove it to train anew"
        ) from None
