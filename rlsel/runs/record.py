"""`Record`: all numbers on a run, as `record.json`.

In: the measurements of the stages. Out: the one file from which tables, reports and the README are
made.
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
LAYOUT = 3
"""Version of the layout of a run folder, raised when unfinished older runs cannot be resumed."""
PACKAGES = (
    "rlsel", "torch", "torchvision", "ray", "gymnasium", "numpy", "scikit-learn",
)  # fmt: skip

# JSON has no NaN, so NaN is written as null and read as NaN.
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Count(TypedDict):
    """Requested evaluations: those that needed a training, and those that the ledger answered."""

    trained: int
    from_ledger: int


class Evaluations(Count):
    """All evaluations of a run. The totals are sums over fidelities."""

    by_fidelity: dict[str, Count]


class KindOfCandidate(TypedDict):
    """A kind of planted candidate (`right_label`, `wrong_label`, ...), with the numbers kept."""

    count: int
    kept: dict[str, int]
    """Method -> how many candidates of the kind it kept."""
    mean_keep_probability: Number
    """Mean keep probability by the controller; NaN if no controller ran."""


class TriedSet(TypedDict):
    """A set that was tried before anything was learned."""

    score: str
    """The free score whose best candidates it holds; or `none` or `all`."""
    fraction: Number
    """Share of the pool that it holds."""
    reward_val: Number
    selection_val: Number


class FreeSets(TypedDict):
    """All sets that were tried before anything was learned."""

    metric: str
    """Of the probes that they were evaluated by."""
    sets: list[TriedSet]
    best: int
    """Index of the best on reward-val."""


class Recommendation(TypedDict):
    """Which of the finalists is recommended."""

    method: str
    leader: str
    """The finalist with the highest mean, which may be no better than a simpler one."""
    fidelity: str
    """How the finalists were trained."""
    metric: str
    scores: dict[str, list[Number]]
    """Finalist, from the simplest -> one score on selection-val for each round."""
    num_kept: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run, finished or not. Lists of scores hold one value per evaluation round, in order."""

    name: str
    """Name of the config."""
    config_hash: str
    """Twelve hex digits, the same for runs that differ only in name, seed or machine."""
    seed: int
    """The one seed of the run."""
    finished: bool
    """False while stages are still to come. A report is made only of finished runs."""
    layout: int = 1
    """`LAYOUT` of the version that began the run; older records have no layout."""
    made_by: str = "run"
    """`run` or `generate`: the command that made the folder."""
    command: str = ""
    """The command that started the run, ready to be pasted into a shell."""
    device: str = ""
    """Processor or GPU name and the cores that were usable."""
    arithmetic: str = ""
    """Device and precision of the last evaluators, such as `cuda bf16`; empty without evaluators.
    """
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of Python, rlsel and the packages on which results depend."""
    wall_s: Number = 0.0
    """Working time, summed over the pieces of a resumed run."""
    stage_s: dict[str, Number] = field(default_factory=dict)
    """Stage -> seconds, also summed over the pieces of a resumed run."""
    ran_on: dict[str, str] = field(default_factory=dict)
    """Stage -> machine and device that trained or ran networks for it. A stage whose result was
    found in the run folder or the cache is left out."""
    peak_memory_gib: Number = math.nan
    """Highest memory of all processes of the run together."""
    evaluations: Evaluations = field(
        default_factory=lambda: Evaluations(trained=0, from_ledger=0, by_fidelity={})
    )
    """How many evaluations were trained and how many the ledger answered, in all and by fidelity.
    """
    utilisation: dict[str, Number] = field(default_factory=dict)
    """Share of the evaluators' time in which they worked, from the start of learning to the last
    test score. `while_wanted` counts only the time in which a caller waited for an evaluation,
    `of_all_time` counts all of it. For a resumed run it covers the last piece, and for a sweep the
    work of all trials."""
    free_sets: FreeSets | None = None
    """Sets that were tried before anything was learned; None if they were not."""
    recommendation: Recommendation | None = None
    """None unless `selection.recommend` asks for a choice between finalists."""
    learning: dict[str, Number] = field(default_factory=dict)
    """iterations, chosen_iteration, and reward_val and selection_val of the chosen selection, in
    units of the reward's metric. Empty if no controller ran."""
    scores: dict[str, dict[str, list[Number]]] = field(default_factory=dict)
    """method -> metric of `rlsel.metrics.SCORE_METRICS` -> one test score per round."""
    num_kept: dict[str, int] = field(default_factory=dict)
    """Method -> number of candidates that it kept; 0 for real only."""
    truth: dict[str, dict[str, Number]] | None = None
    """method or free score -> auc, precision, recall against the planted truth, if known."""
    truth_by_kind: dict[str, KindOfCandidate] | None = None
    """Kind of planted candidate -> its number, and how many each method kept."""
    quality: dict[str, dict[str, dict[str, dict[str, Number] | int]]] | None = None
    """`own` features, or those by the weights `given` in `audit.weights` -> class -> field of
    `quality.ClassQuality` -> figures of the candidates and their floors."""
    classification: dict[str, dict[str, list[Number]]] = field(default_factory=dict)
    """The only images trained on: `candidates`, or as many `real` images (all, if there are fewer)
    -> metric -> one score per round, on test except for `validation_accuracy`. For candidates it is
    the classification accuracy score."""
    pattern: dict[str, dict[str, Number]] = field(default_factory=dict)
    """`candidates` or `real` -> class -> `data.pattern.shared_pattern`, a mean correlation."""
    copies: dict[str, Any] | None = None
    """`quality.SelectionRisk` of the selection, and a sentence `said` that sums it up."""
    noise: dict[str, Number] = field(default_factory=dict)
    """Spread of the reward itself, such as the std over seeds with the same mask."""
    class_names: list[str] = field(default_factory=list)
    """In the order of labels; of two classes, sensitivity is the recall of the second."""
    notes: list[str] = field(default_factory=list)
    """Notes on the inputs and the settings."""
    warnings: list[str] = field(default_factory=list)
    """Problems that may weaken the result, each with a remedy."""
    resumed: int = 0
    """How often the run was resumed."""
    data_digest: str = ""
    """Hash of the training images, which a resumed run checks."""
    pool_digest: str = ""
    """Hash of the candidates, which a resumed run checks."""
    input_digests: dict[str, str] = field(default_factory=dict)
    """Name of any other input, such as `validation` -> its hash, which a resumed run checks. Empty
    in older records."""

    @staticmethod
    def read(path: Path | str) -> "Record":
        """Read `record.json`, given its path or that of its run folder.

        Fields of later versions are ignored.

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
        """Write `record.json` into `run_dir`, completely or not at all, and return its path.

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
    """Versions of Python and of the packages on which results depend, without importing them."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def describe_device(gpu_name: str | None = None) -> str:
    """Name of the GPU if one was used, then the processor and the cores this process may use."""
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
