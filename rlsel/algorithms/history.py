"""Progress of the learning in the run folder: a line for every iteration, and a checkpoint.

Shape letters: N candidates, M candidates of the shard that an iteration learns on, T iterations.
"""

import io
import os
import shutil
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Float

from rlsel.algorithms.advantages import Taken
from rlsel.errors import InputError
from rlsel.machine.atomic_files import sync, sync_tree, write_bytes, writing
from rlsel.machine.json_files import from_json, to_json, write_json_lines
from rlsel.machine.progress import console

ITERATIONS = "iterations.jsonl"
CHECKPOINTS = "checkpoints"
STATE = "algorithm.pt"
CHECKSUMS = "checksums.json"
CONTENTS = {STATE, "history.json"}
ARRAY = "a NumPy array"
"""Key that marks an array stored as a tensor. Other parts of the state are tensors anyway."""


@dataclass
class History:
    """For each finished iteration: figures, keep probabilities, and the decisions."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    probabilities_TM: list[Float[np.ndarray, " m"]] = field(default_factory=list)
    """Keep probabilities of the shard's candidates after each iteration."""
    shards: list[int] = field(default_factory=list)
    """The shard that each iteration has learned on."""
    smoothed: dict[int, float] = field(default_factory=dict)
    """`rollouts.Iteration.smoothed` for the next iteration."""
    taken: list[Taken] = field(default_factory=list)

    def mean_probability(self, iteration: int) -> Float[np.ndarray, " m"]:
        """Keep probabilities after an iteration, counted from 0: the mean over all up to it that
        have learned on the same shard.

        One iteration alone is noisy. A policy that has learned for long is sure of nearly every
        candidate, so its order of the candidates says little. The mean over all policies keeps the
        order that the first ones found (docs/benchmarks/planted_truth.md, "How much it
        takes").
        """
        same = [i for i in range(iteration + 1) if self.shards[i] == self.shards[iteration]]
        return np.mean([self.probabilities_TM[i] for i in same], axis=0)


def save_checkpoint(run_dir: Path, history: History, algorithm: Any) -> None:
    """Write the state after an iteration. Of the older checkpoints only the newest stays.

    The folder gets its final name once the disk holds all of it, so after a kill or a power cut
    either the old or the new checkpoint is complete. The one before stays in case the disk has
    confirmed a write that it then lost.
    """
    folder = run_dir / CHECKPOINTS
    final = folder / f"iteration_{len(history.rows):05d}"
    partial = folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    _save_iteration(run_dir, history)
    with writing(final):
        partial.mkdir(parents=True)
        # Written to memory first, since NumPy and PyTorch report a full disk without its error
        # number.
        torch.save(_plain(algorithm.get_state()), state := io.BytesIO())
        rows = {"rows": history.rows, "smoothed": history.smoothed}
        contents = {
            STATE: state.getvalue(),
            "history.json": to_json(rows).encode(),
        }
        sums = {name: _checksum(content) for name, content in contents.items()}
        for name, content in (contents | {CHECKSUMS: to_json(sums).encode()}).items():
            (partial / name).write_bytes(content)
        sync_tree(partial)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        sync(folder)
    write_rows(run_dir, history)
    others = sorted(path for path in folder.glob("iteration_*") if path != final)
    before = [path for path in others if path < final][-1:]
    for path in others:
        if path not in before:
            shutil.rmtree(path, ignore_errors=True)


def _save_iteration(run_dir: Path, history: History) -> None:
    """The arrays of the last iteration, in a file that is written once: in a long run all of them
    together have many MB."""
    arrays = vars(history.taken[-1]) | {
        "probability_M": history.probabilities_TM[-1],
        "shard": np.array(history.shards[-1]),
    }
    np.savez(content := io.BytesIO(), **arrays)
    write_bytes(_iteration_path(run_dir, len(history.rows)), content.getvalue())


def write_rows(run_dir: Path, history: History) -> None:
    """Write `iterations.jsonl`, completely or not at all."""
    write_json_lines(run_dir / ITERATIONS, history.rows)


def load_checkpoint(run_dir: Path) -> tuple[History, Path] | None:
    """The newest undamaged checkpoint and the file of the algorithm's state; None if there is none.

    A damaged checkpoint is reported, and the one before it is taken.

    Raises:
        InputError: all checkpoints are damaged.
    """
    found = sorted((run_dir / CHECKPOINTS).glob("iteration_*"), reverse=True)
    for number, folder in enumerate(found, start=1):
        try:
            return _read(run_dir, folder)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            if number == len(found):
                raise InputError(
                    f"{folder}: is damaged ({error}); remove it, then --resume: the controller "
                    "learns from the start, and what the ledger holds is not paid for again"
                ) from None
            console.print(
                f"warning: {folder}: is damaged ({error}), so learning goes on from the checkpoint "
                "before; what the ledger holds is not paid for again",
                style="yellow",
                markup=False,
            )
    return None


def load_state(path: Path) -> dict[str, Any]:
    """The algorithm's state that `save_checkpoint` wrote. Loading it cannot run any code."""
    return _with_arrays(torch.load(path, map_location="cpu", weights_only=True))


def _read(run_dir: Path, folder: Path) -> tuple[History, Path]:
    _require_sound(folder)
    state = from_json((folder / "history.json").read_text(encoding="utf-8"))
    smoothed = {int(number): q for number, q in state["smoothed"].items()}
    history = History(state["rows"], smoothed=smoothed)
    for number in range(1, len(history.rows) + 1):
        with np.load(_iteration_path(run_dir, number)) as arrays:
            history.probabilities_TM.append(arrays["probability_M"])
            history.shards.append(int(arrays["shard"]))
            history.taken.append(Taken(**{f.name: arrays[f.name] for f in fields(Taken)}))
    return history, folder / STATE


def _require_sound(folder: Path) -> None:
    """Raises ValueError that names the file which is not as it was written."""
    sums = dict(from_json((folder / CHECKSUMS).read_text(encoding="utf-8")))
    if sums.keys() != CONTENTS:
        raise ValueError(f"{CHECKSUMS} is not as it was written")
    for name, expected in sums.items():
        if _checksum((folder / name).read_bytes()) != expected:
            size = (folder / name).stat().st_size
            raise ValueError(f"{name}, of {size} bytes, is not as it was written")


def _checksum(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _plain(state: Any) -> Any:
    """The state as numbers, text, tensors and containers, which load without unpickling."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_plain(value) for value in state)
    if isinstance(state, np.generic):
        return state.item()
    return {ARRAY: torch.from_numpy(state.copy())} if isinstance(state, np.ndarray) else state


def _with_arrays(state: Any) -> Any:
    """The inverse of `_plain`."""
    if isinstance(state, dict) and [*state] == [ARRAY]:
        return state[ARRAY].numpy()
    if isinstance(state, dict):
        return {key: _with_arrays(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_with_arrays(value) for value in state)
    return state


def _iteration_path(run_dir: Path, iteration: int) -> Path:
    return run_dir / CHECKPOINTS / "iterations" / f"{iteration:05d}.npz"
