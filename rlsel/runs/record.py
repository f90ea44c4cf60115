"""`Record`: everything a run has to say about itself in numbers, as `record.json`.

In: what the stages measured. Out: the one file that tables, reports and the README are made from.
"""

import math
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from rlsel.errors import InputError
from rlsel.machine.atomic_files import write_bytes

FILE_NAME = "record.json"
LAYOUT = 2
"""Of a run folder: raised when an unfinished run of before cannot be gone on with."""
PACKAGES = (
    "rlsel", "torch", "torchvision", "ray", "gymnasium", "numpy", "scikit-learn",
)  # fmt: skip

# JSON has no NaN: it is written as null and comes back as NaN.
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Count(TypedDict):
    """Evaluations asked for: those that trained, and those the ledger had already."""

    trained: int
    from_ledger: int


class Evaluations(Count):
    """All evaluations of a run; the totals are the sums over fidelities."""

    by_fidelity: dict[str, Count]


class KindOfCandidate(TypedDict):
    """A kind of planted candidate (`good`, `flipped label`, ...) and what became of it."""

    count: int
    kept: dict[str, int]
    """How many of them each method kept."""
    mean_keep_probability: Number
    """The controller's; NaN where no controller ran."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run, finished or not. Lists of scores hold one value per evaluation round, in order."""

    name: str
    """Of the config."""
    config_hash: str
    """Twelve hex digits, shared by runs that differ in name, seed or machine alone."""
    seed: int
    """The one seed of the run."""
    finished: bool
    """False while stages are still to come; a report is drawn of finished runs only."""
    layout: int = 1
    """`LAYOUT` of the version that began the run; records of before had none."""
    made_by: str = "run"
    """`run` or `generate`: whose folder it lies in."""
    command: str = ""
    """What was typed to start it, as it can be pasted into a shell."""
    device: str = ""
    """Processor or GPU name and the cores that were usable."""
    arithmetic: str = ""
    """In which evaluators trained last, such as `cuda bf16`; empty where there were none."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of Python, rlsel and the packages that results depend on."""
    wall_s: Number = 0.0
    """Working time, summed over the pieces of a run that was resumed."""
    stage_s: dict[str, Number] = field(default_factory=dict)
    """Stage -> seconds, the same way."""
    peak_memory_gib: Number = math.nan
    """Highest memory of all processes of the run together."""
    evaluations: Evaluations = field(
        default_factory=lambda: Evaluations(trained=0, from_ledger=0, by_fidelity={})
    )
    """How many were trained and how many the ledger answered, in all and by fidelity."""
    utilisation: dict[str, Number] = field(default_factory=dict)
    """Share of the evaluators' time that they were at work, from the start of learning to the
    last test score: `while_wanted`, of the time when somebody waited for an evaluation, and
    `of_all_time`. Of a run that was resumed it is the last piece that counts, and in a sweep the
    work of all trials."""
    learning: dict[str, Number] = field(default_factory=dict)
    """iterations, chosen_iteration, and reward_val and selection_val of the chosen selection, in
    units of the reward's metric. Empty where no controller ran."""
    scores: dict[str, dict[str, list[Number]]] = field(default_factory=dict)
    """method -> metric of `rlsel.metrics.SCORE_METRICS` -> one test score per round."""
    num_kept: dict[str, int] = field(default_factory=dict)
    """Candidates each method kept; 0 for real only."""
    truth: dict[str, dict[str, Number]] | None = None
    """method or free score -> auc, precision, recall against the planted truth, where known."""
    truth_by_kind: dict[str, KindOfCandidate] | None = None
    """Kind of planted candidate -> how many there are, and what became of them."""
    quality: dict[str, dict[str, dict[str, dict[str, Number] | int]]] | None = None
    """`own` or `given` (by `audit.weights`): whose features -> class -> field of
    `quality.ClassQuality` -> figures of the candidates and their floors."""
    classification: dict[str, dict[str, list[Number]]] = field(default_factory=dict)
    """`candidates`, or as many `real` images (all, where they are fewer): what alone was trained on
    -> metric -> one score per round, on test but for `validation_accuracy`. Of candidates it is the
    classification accuracy score."""
    pattern: dict[str, dict[str, Number]] = field(default_factory=dict)
    """`candidates` or `real` -> class -> `data.pattern.shared_pattern`, a mean correlation."""
    copies: dict[str, Any] | None = None
    """`quality.SelectionRisk` of what was selected, and a sentence `said` that sums it up."""
    noise: dict[str, Number] = field(default_factory=dict)
    """Spread of the reward itself, such as the std over seeds with the same mask."""
    class_names: list[str] = field(default_factory=list)
    """In the order of labels; of two, sensitivity is the recall of the second."""
    notes: list[str] = field(default_factory=list)
    """What is worth knowing of the inputs and the settings."""
    warnings: list[str] = field(default_factory=list)
    """What may make the result worth less, each with what to do about it."""
    resumed: int = 0
    """How often the run was taken up again after it stopped."""
    data_digest: str = ""
    """Of the training images, by which a run that goes on knows them again."""
    pool_digest: str = ""
    """Of the candidates, the same way."""

    @staticmethod
    def read(path: Path | str) -> "Record":
        """Read `record.json`, given itself or its run folder. Fields from later versions are left.

        Raises:
            InputError: there is no such file, it is not a record, or a newer rlsel made it.
        """
        path = Path(path)
        path = path / FILE_NAME if path.is_dir() else path
        try:
            text = path.read_bytes()
            layout = _layout_alone.validate_json(text).get("layout", 1)
            if layout > LAYOUT:
                raise InputError(
                    f"{path}: was made by a newer rlsel (layout {layout}, and this one knows "
                    f"{LAYOUT}); update rlsel"
                )
            return _json.validate_json(text)
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such record; is it a run folder?") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            problem = f"{where}: {first['msg']}" if where else first["msg"]
            raise InputError(f"{path}: not a record of rlsel: {problem}") from None

    def write(self, run_dir: Path | str) -> Path:
        """Write `record.json` into `run_dir`, whole or not at all. Returns its path.

        Raises:
            InputError: the folder is full or cannot be written to.
        """
        path = Path(run_dir) / FILE_NAME
        write_bytes(path, _json.dump_json(self, indent=2) + b"\n")
        return path


class _Layout(TypedDict, total=False):
    """What is read of a record before anything else: a newer one may not be understood."""

    layout: int


_json = TypeAdapter(Record)
_layout_alone = TypeAdapter(_Layout)


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, none of them imported."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def describe_device(gpu_name: str | None = None) -> str:
    """Name of the GPU where one was used, then the processor and the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{_processor_name()}, {cores} core" + ("" if cores == 1 else "s")
    return f"{gpu_name}; {text}" if gpu_name else text


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
