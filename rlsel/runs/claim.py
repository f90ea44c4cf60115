"""Claim a run folder: a new one, or that of an interrupted run which is resumed."""

import itertools
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, describe_differences, to_yaml
from rlsel.machine.atomic_files import make_folder, write_text, writing
from rlsel.machine.file_names import shortened
from rlsel.runs.config_file import CONFIG, read_experiment
from rlsel.runs.folder import RunFolder
from rlsel.runs.lock import FolderLock, is_empty
from rlsel.runs.record import FILE_NAME as RECORD_NAME
from rlsel.runs.record import LAYOUT, Record, describe_device, installed_versions

RUNS = Path("runs")
LONGEST_STEM = 240
"""Longest name of a run folder without its number, in bytes."""
MOST_NAMED = 3
BEGIN_ANEW = "leave out --resume to begin anew"


def new_record(experiment: Experiment, command: str = "", made_by: str = "run") -> Record:
    """The record of a run that has just begun: its identity, device and versions."""
    return Record(
        name=experiment.name,
        config_hash=experiment.hash,
        seed=experiment.seed,
        finished=False,
        layout=LAYOUT,
        made_by=made_by,
        command=command,
        device=describe_device(_gpu_name()),
        versions=installed_versions(),
    )


def claim(experiment: Experiment, out: Path | None, resume: bool, blank: Record) -> RunFolder:
    """The folder for this run: a new one, or with `resume` that of the interrupted run.

    Args:
        out: The folder to use; None takes the next free name under `runs/`.
        blank: The record to start with.

    Raises:
        InputError: `out` holds a run of another experiment, the result of another command, the run
            of a newer rlsel, or this run while `resume` is off; another process works in it; or it
            cannot be written to. Without `out`, there is no run of these settings to resume.
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
    """The record of a folder that this process holds. The folder is read again, because another
    process may have begun a run there before the lock."""
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
    if record.layout < LAYOUT and not record.finished:
        raise InputError(
            f"{path}: was begun by an earlier version of rlsel, which kept other files; finish it "
            "with that version, or choose another --out to start anew"
        )
    before = read_experiment(path)
    if before.folder != experiment.folder:  # the project was moved, with its images
        now = replace(experiment, name=before.name, evaluators=before.evaluators)
        write_text(path / CONFIG, to_yaml(now))
    return record if record.finished else replace(record, resumed=record.resumed + 1)


def _gpu_name() -> str | None:
    import torch  # takes seconds; `read_experiment` needs none of it

    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"


def _require_same(path: Path, experiment: Experiment) -> None:
    if (path / RECORD_NAME).exists():
        Record.read(path)  # of a newer rlsel, whose settings may be unknown here
    found = read_experiment(path)
    if (found.hash, found.seed) != (experiment.hash, experiment.seed):
        differences = describe_differences(found, experiment)
        raise InputError(
            f"{path}: holds the run of another experiment ({differences}); choose another --out"
        )


def _choose(experiment: Experiment, resume: bool) -> Path:
    """With `resume` the newest folder of this run; else the next free name.

    Raises:
        InputError: there is nothing to resume, or `runs` is a file.
    """
    if RUNS.exists() and not RUNS.is_dir():
        raise InputError(
            f"{RUNS}: is a file, where runs have their folder; move it away, or choose an --out"
        )
    end = f"-{experiment.hash[:6]}-seed{experiment.seed}"
    name = shortened(experiment.name, LONGEST_STEM - len(end))
    stem = name + end
    taken = _numbered(re.escape(stem))
    if resume and taken:
        return max(taken, key=lambda path: taken[path])
    if resume:
        others = _numbered(rf"{re.escape(name)}-[0-9a-f]{{6}}-seed{experiment.seed}")
        raise InputError(_nothing_to_resume(experiment, filter(_is_unfinished, others)))
    with writing(RUNS / stem):
        make_folder(RUNS)
        for number in itertools.count(max(taken.values(), default=0) + 1):
            path = RUNS / (stem if number == 1 else f"{stem}-{number}")
            with suppress(FileExistsError):  # another run may have just made it
                path.mkdir()
                return path
    raise AssertionError("numbers do not end")


def _numbered(stem: str) -> dict[Path, int]:
    """Folder under `runs/` -> its number, of those whose name fits this pattern."""
    pattern = re.compile(rf"{stem}(?:-(\d+))?")
    found = {path: pattern.fullmatch(path.name) for path in RUNS.glob("*")}
    return {path: int(match[1] or 1) for path, match in found.items() if match}


def _nothing_to_resume(experiment: Experiment, unfinished: Iterable[Path]) -> str:
    """One line, with the unfinished runs of this name and seed that other settings began."""
    nothing = f"{RUNS}: there is nothing to resume, since no run of these settings was begun"
    newest = sorted(unfinished, key=lambda path: path.stat().st_mtime, reverse=True)
    if not newest:
        return f"{nothing}; {BEGIN_ANEW}"
    more = f" and {len(newest) - MOST_NAMED} more" if len(newest) > MOST_NAMED else ""
    differences = describe_differences(read_experiment(newest[0]), experiment)
    return (
        f"{nothing}; unfinished with other settings: "
        f"{', '.join(map(str, newest[:MOST_NAMED]))}{more} ({newest[0].name}: {differences}). Go "
        f"on with one by `rlsel run FOLDER/config.yaml --out FOLDER --resume`, or {BEGIN_ANEW}"
    )


def _is_unfinished(path: Path) -> bool:
    """Whether a run was begun there and did not end; False of what cannot be read."""
    try:
        read_experiment(path)
        return not ((path / RECORD_NAME).exists() and Record.read(path).finished)
    except InputError:
        return False
