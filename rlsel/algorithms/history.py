"""What was learned so far, as it lies in the run folder: one line an iteration, one checkpoint."""

import io
import os
import shutil
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from rlsel.algorithms.advantages import Taken
from rlsel.atomic_files import write_bytes, writing
from rlsel.errors import InputError
from rlsel.json_files import from_json, to_json, write_json_lines

ITERATIONS = "iterations.jsonl"
CHECKPOINTS = "checkpoints"


@dataclass
class History:
    """Per finished iteration: a row of figures, the keep probability of every candidate, and the
    decisions that were taken."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    probabilities_TN: list[Float[np.ndarray, " n"]] = field(default_factory=list)
    smoothed: dict[int, float] = field(default_factory=dict)
    """`rollouts.Iteration.smoothed` of the next iteration."""
    taken: list[Taken] = field(default_factory=list)

    def averaged_probability(self, first: int, last: int) -> Float[np.ndarray, " n"]:
        """Mean over iterations from `first` to `last`, counted from 0: both of them count."""
        return np.mean(self.probabilities_TN[first : last + 1], axis=0)


def save_checkpoint(run_dir: Path, history: History, algorithm: Any) -> None:
    """Write the state after an iteration, then remove the one before it.

    The folder gets its final name only when it is complete, so a kill leaves the old or the new.
    """
    folder = run_dir / CHECKPOINTS
    final = folder / f"iteration_{len(history.rows):05d}"
    partial = folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    # An iteration in a file of its own, which is written once: over a long run they are many MB.
    np.savez(taken := io.BytesIO(), **vars(history.taken[-1]))
    write_bytes(_taken_path(run_dir, len(history.rows)), taken.getvalue())
    with writing(final):
        partial.mkdir(parents=True)
        algorithm.save_to_path(str((partial / "rllib").resolve()))
        # By way of memory: NumPy's own writing reports a full disk without an error number.
        np.save(probabilities := io.BytesIO(), np.stack(history.probabilities_TN))
        (partial / "probabilities.npy").write_bytes(probabilities.getvalue())
        state = {"rows": history.rows, "smoothed": history.smoothed}
        (partial / "history.json").write_text(to_json(state))
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
    write_rows(run_dir, history)
    for older in sorted(folder.glob("iteration_*")):
        if older != final:
            shutil.rmtree(older, ignore_errors=True)


def write_rows(run_dir: Path, history: History) -> None:
    """`iterations.jsonl`, whole or not at all."""
    write_json_lines(run_dir / ITERATIONS, history.rows)


def load_checkpoint(run_dir: Path) -> tuple[History, Path] | None:
    """The newest complete checkpoint and the folder of RLlib's own state, or None.

    Raises:
        InputError: its files are damaged, as after a failure of the disk.
    """
    found = sorted((run_dir / CHECKPOINTS).glob("iteration_*"))
    if not found:
        return None
    newest = found[-1]
    try:
        state = from_json((newest / "history.json").read_text(encoding="utf-8"))
        smoothed = {int(number): q for number, q in state["smoothed"].items()}
        probabilities_TN = list(np.load(newest / "probabilities.npy"))
        taken = [_read_taken(_taken_path(run_dir, i + 1)) for i in range(len(state["rows"]))]
        return History(state["rows"], probabilities_TN, smoothed, taken), newest / "rllib"
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{newest}: is damaged ({error}); remove it, then --resume: the controller learns "
            "from the start, and what the ledger holds is not paid for again"
        ) from None


def _taken_path(run_dir: Path, iteration: int) -> Path:
    return run_dir / CHECKPOINTS / "taken" / f"{iteration:05d}.npz"


def _read_taken(path: Path) -> Taken:
    with np.load(path) as arrays:
        return Taken(**{field.name: arrays[field.name] for field in fields(Taken)})
