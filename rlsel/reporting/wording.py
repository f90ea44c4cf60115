"""The form of numbers and method names, the same in the page, the figures and the terminal."""

import math

from rlsel.metrics import mean_and_std
from rlsel.runs.record import Record

LABELS = {
    "real_only": "real only",
    "keep_all": "keep all",
    "centroid": "centroid distance",
    "free": "best free set",
    "controller": "controller",
    "own_distance": "distance to own centroid",
    "knn_label_agreement": "kNN label agreement",
    "label_log_probability": "log-probability of the label",
    "margin": "margin of the label's logit",
    "head_log_probability": "log-probability by a new head",
    "nearest_real": "nearness to a real image",
    "nearest_other_class": "distance to other classes",
    "nearest_candidate": "distance to other candidates",
    "knn_shapley": "KNN-Shapley",
    "data_oob": "Data-OOB",
    "data_banzhaf": "Data Banzhaf",
    "tmc_shapley": "TMC-Shapley",
}
"""Names of the methods and free scores whose name is more than their key with spaces."""

WITHIN = "_within_batches"
"""Suffix of a method's name for its ranking within each batch."""
ORDER = ("real_only", "keep_all", "uniform", "centroid")
LAST = ("controller", "oracle")
NOTHING = "–"


def is_free(record: Record, name: str) -> bool:
    """Whether an entry of the truth table is a score without evaluations, not a method."""
    return name not in record.scores and not name.endswith(WITHIN)


def label(method: str) -> str:
    if method.endswith(WITHIN):
        return f"{label(method.removesuffix(WITHIN))}, within batches"
    if ":" in method:  # a rule of the user, shown exactly as the config has it
        return method
    if method.startswith("free_"):
        return f"best set by {label(method.removeprefix('free_'))}"
    return LABELS.get(method, method.replace("_", " "))


def in_order(methods: list[str]) -> list[str]:
    """Simple baselines first, then other methods in the given order, then controller and oracle."""
    between = [method for method in methods if method not in ORDER + LAST]
    return [method for method in (*ORDER, *between, *LAST) if method in methods]


def decimal(value: float, digits: int = 3) -> str:
    """As `.741`, since scores lie in [0, 1] and need no leading zero. A dash for NaN."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:z.{digits}f}"  # z: no minus before a zero
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def signed(value: float) -> str:
    """As `+.018` or `−.004`, with a true minus."""
    text = decimal(abs(value))
    return ("+" if value >= 0 else "−") + text


def mean_with_std(values: list[float]) -> str:
    """As `.741 ± .012`. The std is left out for a single value, and the number of values is added
    if some are missing."""
    mean, std = mean_and_std(values)
    if not math.isfinite(mean):
        return NOTHING
    known = sum(math.isfinite(value) for value in values)
    text = decimal(mean) + (f" ± {decimal(std)}" if math.isfinite(std) else "")
    return text if known == len(values) else f"{text} ({known} of {len(values)})"


def rounds(n: int) -> str:
    return "1 round" if n == 1 else f"{n} rounds"


def duration(seconds: float) -> str:
    """As `41 s`, `12 min 30 s` or `3 h 05 min`."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def gib(value: float) -> str:
    return f"{value:.1f} GiB" if math.isfinite(value) else NOTHING
