"""The run folder: where a run lives, whose it is, and how an interrupted one is found again."""

import itertools
import re
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rlsel.machine.atomic_files import make_folder, write_text, writing
from rlsel.experiment.config import Experiment, build_experiment, describe_differences, to_yaml
from rlsel.errors import InputError
from rlsel.machine.file_names import shortened
from rlsel.runs.lock import FolderLock, is_empty
from rlsel.runs.record import FILE_NAME as RECORD_NAME
from rlsel.runs.record import Record, describe_device, installed_versions
from rlsel.experiment.gone import without_gone
from rlsel.experiment.yaml_files import read_yaml

CONFIG = "config.yaml"
LEDGER = "ledger.sqlite"
FEATURES = "features.npz"
RUNS = Path("runs")
LONGEST_STEM = 240
"""Bytes; leaves room for a number."""


class RunFolder:
    """One run's folder, claimed by one experiment and seed, and held by this process.

    Use it in a `with` block, which lets go of it in the end.
    """

    def __init__(self, path: Path, record: Record, lock: FolderLock) -> None:
        self.path = path
        self.record = record
        self._lock = lock
        self._wall_before_s = record.wall_s
        self._start = time.monotonic()
        self._stage_start = self._start

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def update(self, **changes: object) -> None:
        """Change the record and write it, with the time worked so far: a kill loses none of it."""
        wall_s = self._wall_before_s + time.monotonic() - self._start
        self.record = replace(self.record, wall_s=wall_s, **changes)  # pyright: ignore
        self.record.write(self.path)

    def abandon(self) -> None:
        """Give the folder up if no stage was finished: a mistake in the inputs takes no name."""
        if not self.record.stage_s:
            for name in (RECORD_NAME, CONFIG):
                (self.path / name).unlink(missing_ok=True)
            self._lock.give_up()
            with suppress(OSError):  # it was there before, with something in it
                self.path.rmdir()

    def finish_stage(self, name: str) -> None:
        """Book the time since the last stage ended under `name`."""
        now = time.monotonic()
        spent = self.record.stage_s.get(name, 0.0) + now - self._stage_start
        self._stage_start = now
        self.update(stage_s=self.record.stage_s | {name: spent})

    def require_same(self, data_digest: str, pool_digest: str = "") -> None:
        """A run that goes on must find the images that it began with.

        Args:
            data_digest: Of the training images.
            pool_digest: Of the candidates; empty while they are not there yet.

        Raises:
            InputError: the record has another one.
        """
        for what, before, now in (
            ("training images", self.record.data_digest, data_digest),
            ("candidates", self.record.pool_digest, pool_digest),
        ):
            if before and now and before != now:
                raise InputError(
                    f"{self.path}: the {what} have changed since this run began; bring them back, "
                    "or choose another --out"
                )


def new_record(experiment: Experiment, command: str = "", made_by: str = "run") -> Record:
    """What a run begins with: who it is, and on what it runs."""
    return Record(
        name=experiment.name,
        config_hash=experiment.hash,
        seed=experiment.seed,
        finished=False,
        made_by=made_by,
        command=command,
        device=describe_device(_gpu_name()),
        versions=installed_versions(),
    )


def claim(experiment: Experiment, out: Path | None, resume: bool, blank: Record) -> RunFolder:
    """The folder for this run: a fresh one, or with `resume` the one it was interrupted in.

    Args:
        out: Use this very folder; None takes the next free name under `runs/`.
        blank: The record to start with.

    Raises:
        InputError: `out` holds another experiment's run, what another command made, or this very
            run and `resume` is off; another process works in it; or it cannot be written to.
    """
    path = out or _choose(experiment, resume)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; choose another --out")
    with writing(path / CONFIG):
        make_folder(path)
    is_new = not (path / CONFIG).exists()
    if is_new and not is_empty(path):
        raise InputError(f"{path}: is not empty and holds no run of rlsel; choose another --out")
    if not is_new:
        _require_same(path, experiment)
    lock = FolderLock(path)
    try:
        return RunFolder(path, _record_in(path, experiment, resume, blank), lock)
    except BaseException:
        if is_new:
            lock.give_up()
        lock.release()
        raise


def _record_in(path: Path, experiment: Experiment, resume: bool, blank: Record) -> Record:
    """The record of a folder that this process holds; what another has begun meanwhile counts."""
    if not (path / CONFIG).exists():
        write_text(path / CONFIG, to_yaml(experiment))
        blank.write(path)
        return blank
    record = Record.read(path) if (path / RECORD_NAME).exists() else blank
    if record.made_by != blank.made_by:
        raise InputError(f"{path}: holds what `rlsel {record.made_by}` made; choose another --out")
    if not resume:
        raise InputError(
            f"{path}: holds a run of this experiment already; add --resume to go on with it, "
            "or choose another --out"
        )
    before = read_experiment(path)
    if before.folder != experiment.folder:  # the project has moved, and its images with it
        now = replace(experiment, name=before.name, evaluators=before.evaluators)
        write_text(path / CONFIG, to_yaml(now))
    return record if record.finished else replace(record, resumed=record.resumed + 1)


def _gpu_name() -> str | None:
    import torch  # takes seconds; `read_experiment` needs none of it

    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"


def read_experiment(run_dir: Path) -> Experiment:
    """The experiment that a run folder belongs to; settings that are gone are passed over."""
    path = run_dir / CONFIG
    if not run_dir.is_dir():
        raise InputError(f"{run_dir}: there is no such run folder")
    if not path.exists():
        raise InputError(f"{run_dir}: is no run folder: it has no {CONFIG}")
    return build_experiment(without_gone(read_yaml(path)), str(path))


def _require_same(path: Path, experiment: Experiment) -> None:
    found = read_experiment(path)
    if (found.hash, found.seed) != (experiment.hash, experiment.seed):
        differences = describe_differences(found, experiment)
        raise InputError(
            f"{path}: holds the run of another experiment ({differences}); choose another --out"
        )


def _choose(experiment: Experiment, resume: bool) -> Path:
    """With `resume` the newest folder of this very run, if there is one; else the next free one."""
    end = f"-{experiment.hash[:6]}-seed{experiment.seed}"
    stem = shortened(experiment.name, LONGEST_STEM - len(end)) + end
    numbered = re.compile(re.escape(stem) + r"(?:-(\d+))?")
    taken = {
        int(match[1] or 1): path
        for path in RUNS.glob(f"{stem}*")
        if (match := numbered.fullmatch(path.name))
    }
    if resume and taken:
        return taken[max(taken)]
    with writing(RUNS / stem):
        make_folder(RUNS)
        for number in itertools.count(max(taken, default=0) + 1):
            path = RUNS / (stem if number == 1 else f"{stem}-{number}")
            with suppress(FileExistsError):  # of two runs that start at once, one can make it
                path.mkdir()
                return path
    raise AssertionError("numbers do not end")
