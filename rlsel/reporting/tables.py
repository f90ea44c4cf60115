"""The tables of a run as rows of text, the same for the page and the terminal."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rlsel.data.positive_class import describe_positive
from rlsel.metrics import SCORE_METRICS, title_of
from rlsel.reporting.verdict import compare
from rlsel.reporting.wording import (
    NOTHING,
    WITHIN,
    decimal,
    duration,
    gib,
    in_order,
    is_free,
    label,
    mean_with_std,
    rounds,
    signed,
)
from rlsel.runs.record import Record

MARK = "†"
"""Mark of a row that has a footnote."""
GAIN = "accuracy − uniform"
TRIVIAL = ("real_only", "keep_all")
"""Methods that keep none, or all, of every kind."""
TRUTH_COLUMNS = {"auc": "AUC", "precision": "precision", "recall": "recall"}

SPACES = {"own": "by the run's own extractor", "given": "by the weights that were given"}
CLASSIFICATION_ROWS = {"candidates": "candidates", "real": "real images"}
PATTERN_ROWS = {"candidates": "candidates", "real": "real training images"}
QUALITY_ROWS = {"against_train": "train_floor", "against_held_out": "held_out_floor"}
UNKNOWN_CLASS = f"{NOTHING} where a class has no candidate, or too few images to compare"
QUALITY_COLUMNS = {
    "frechet": "Fréchet",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}


@dataclass(frozen=True)
class Row:
    """The row of a method. `emphasis` is `learned`, `oracle`, `free` (no evaluations) or empty."""

    label: str
    cells: tuple[str, ...]
    emphasis: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose first column is the label of its rows."""

    title: str
    columns: tuple[str, ...]
    """Headings of the columns; that of the labels comes first."""
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...] = ()
    """Sentences for below the table, without a full stop."""


def finalists_table(record: Record) -> Table | None:
    """Every finalist with its scores on selection-val."""
    made = record.recommendation
    if made is None:
        return None
    rows = [
        Row(
            label(method),
            (f"{made['num_kept'][method]:,}", mean_with_std(values)),
            emphasis="learned" if method == made["method"] else "",
        )
        for method, values in made["scores"].items()
    ]
    columns = ("finalist", "kept", f"{title_of(made['metric'])} on selection-val")
    return Table("Finalists, from the simplest", columns, tuple(rows))


def score_table(record: Record) -> Table:
    """Test scores as mean ± sample std over rounds, kept candidates, and gain over uniform."""
    methods = in_order(list(record.scores))
    has_uniform = "uniform" in methods and len(methods) > 1
    rows = []
    for method in methods:
        cells = [mean_with_std(record.scores[method].get(metric, [])) for metric in SCORE_METRICS]
        if has_uniform:
            cells.append(_against_uniform(record, method))
        cells.append(_count(record.num_kept.get(method)))
        mark = f" {MARK}" if rounds_of_one_class(record, method) else ""
        rows.append(Row(label(method) + mark, tuple(cells), _emphasis(method)))
    gain = (GAIN,) if has_uniform else ()
    columns = ("method", *map(title_of, SCORE_METRICS), *gain, "kept")
    return Table("Test scores", columns, tuple(rows), tuple(_score_footnotes(record, methods)))


def rounds_of_one_class(record: Record, method: str) -> int:
    """Rounds in which the classifier put every test image into one class."""
    num_classes = len(record.class_names) or 2
    ends = {(1 / num_classes, 1 - 1 / num_classes)} if num_classes > 2 else {(0.0, 1.0), (1.0, 0.0)}
    scores = record.scores[method]
    pairs = zip(scores.get("sensitivity", []), scores.get("specificity", []), strict=False)
    return sum(any(math.dist(pair, end) < 1e-9 for end in ends) for pair in pairs)


def _score_footnotes(record: Record, methods: list[str]) -> Iterator[str]:
    if record.class_names:
        yield describe_positive(tuple(record.class_names))
    marked = {method: rounds_of_one_class(record, method) for method in methods}
    if any(marked.values()):
        said = ", ".join(
            f"{label(method)} in {num} of {rounds(len(record.scores[method]['accuracy']))}"
            for method, num in marked.items()
            if num
        )
        yield (
            f"{MARK} the classifier put all test images into one class, so its accuracy is the "
            f"share of that class: {said}"
        )


def truth_table(record: Record) -> Table | None:
    """How well each method, and each score without evaluations, finds the planted truth."""
    if not record.truth:
        return None
    rows = [
        Row(
            label(method),
            tuple(decimal(record.truth[method].get(key, math.nan)) for key in TRUTH_COLUMNS),
            "free" if is_free(record, method) else _emphasis(method),
        )
        for method in _truth_order(record)
    ]
    return Table("Planted truth", ("method", *TRUTH_COLUMNS.values()), tuple(rows))


def kind_table(record: Record) -> Table | None:
    """The share of each kind of planted candidate that each method kept."""
    kinds = record.truth_by_kind
    if not kinds:
        return None
    competing = (m for row in kinds.values() for m in row["kept"] if m not in TRIVIAL)
    rows = [Row("how many", tuple(f"{row['count']:,}" for row in kinds.values()), "free")]
    for method in in_order(list(dict.fromkeys(competing))):
        shares = (_share(row["kept"].get(method), row["count"]) for row in kinds.values())
        rows.append(Row(label(method), tuple(shares), _emphasis(method)))
    probabilities = [row["mean_keep_probability"] for row in kinds.values()]
    if any(map(math.isfinite, probabilities)):
        cells = (decimal(probability, digits=2) for probability in probabilities)
        rows.append(Row("mean keep probability", tuple(cells)))
    columns = ("method", *(kind.replace("_", " ") for kind in kinds))
    return Table("Share of each kind that was kept", columns, tuple(rows))


def quality_tables(record: Record) -> list[Table]:
    """Figures of candidates of each class; after a slash those of held-out real images (the floor).

    There is one table for the features of the run's own extractor, and one for the user's weights.
    """
    tables = []
    for space, classes in (record.quality or {}).items():
        rows = []
        for name, quality in classes.items():
            for what, floor in QUALITY_ROWS.items():
                figures, real = quality[what], quality[floor]
                if not isinstance(figures, dict) or not isinstance(real, dict):
                    continue
                pairs = ((figures[key], real[key]) for key in QUALITY_COLUMNS)
                cells = (" / ".join(map(decimal, pair)) for pair in pairs)
                against = what.removeprefix("against_").replace("_", " ")
                rows.append(Row(f"{name}, {against}", tuple(cells)))
        columns = ("class, against", *QUALITY_COLUMNS.values())
        tables.append(
            Table(f"Candidates as images, {SPACES[space]}", columns, tuple(rows), _of_unknown(rows))
        )
    return tables


def pattern_table(record: Record) -> Table | None:
    """Correlation of the fine structure of two images, by class."""
    if not record.pattern:
        return None
    rows = [
        Row(PATTERN_ROWS[name], tuple(map(decimal, by_class.values())))
        for name, by_class in record.pattern.items()
    ]
    columns = ("correlation of two images", *record.pattern["candidates"])
    title = "One pattern in all images of a class"
    return Table(title, columns, tuple(rows), _of_unknown(rows))


def _of_unknown(rows: Sequence[Row]) -> tuple[str, ...]:
    """A footnote on the meaning of a dash, if there is a dash among the figures by class."""
    has_dash = any(NOTHING in cell for row in rows for cell in row.cells)
    return (UNKNOWN_CLASS,) if has_dash else ()


def classification_table(record: Record) -> Table | None:
    """Test scores of classifiers that were trained on one kind of image alone."""
    if not record.classification:
        return None
    metrics = list(next(iter(record.classification.values())))
    rows = [
        Row(CLASSIFICATION_ROWS[name], tuple(mean_with_std(scores[metric]) for metric in metrics))
        for name, scores in record.classification.items()
    ]
    columns = ("trained on", *map(title_of, metrics))
    return Table("Trained on these alone, tested on real images", columns, tuple(rows))


def cost_facts(record: Record) -> list[tuple[str, str, str]]:
    """The cost of the run, as (number, what it is, detail)."""
    count = record.evaluations
    fidelities = count["by_fidelity"]

    def detail(key: Callable[[str], int]) -> str:
        parts = [f"{name} {key(name):,}" for name in fidelities if key(name)]
        return ", ".join(parts) if len(fidelities) > 1 else ""

    evaluations = [
        (
            f"{count['trained']:,}",
            "evaluations trained",
            detail(lambda name: fidelities[name]["trained"]),
        ),
        (
            f"{count['from_ledger']:,}",
            "answered by the ledger",
            detail(lambda name: fidelities[name]["from_ledger"]),
        ),
    ]
    return [
        *(evaluations if record.num_kept else ()),  # a generator alone asks for none
        *_utilisation(record),
        (duration(record.wall_s), "wall time", _resumed(record.resumed)),
        (gib(record.peak_memory_gib), "peak memory", "all processes of the run"),
    ]


def noise_rows(record: Record) -> list[tuple[str, str]]:
    """The spread of the reward over seeds, as (what, number)."""
    return [(label(name), _significant(value)) for name, value in record.noise.items()]


def _truth_order(record: Record) -> list[str]:
    """Methods, each followed by its ranking within batches, then free scores, best first."""
    truth = record.truth or {}
    methods = in_order([name for name in truth if name in record.scores])
    with_details = [
        name for method in methods for name in (method, method + WITHIN) if name in truth
    ]
    free = [name for name in truth if is_free(record, name)]
    return with_details + sorted(free, key=lambda m: -_or_zero(truth[m].get("auc", math.nan)))


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _emphasis(method: str) -> str:
    return {"controller": "learned", "oracle": "oracle"}.get(method, "")


def _against_uniform(record: Record, method: str) -> str:
    comparison = compare(record, method, "uniform")
    if method == "uniform" or comparison is None:
        return ""
    interval = f" [{comparison.interval}]" if comparison.interval else ""
    return signed(comparison.mean) + interval


def _count(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def _share(number: int | None, count: int) -> str:
    return NOTHING if number is None or not count else f"{100 * number / count:.0f} %"


def _utilisation(record: Record) -> list[tuple[str, str, str]]:
    if not record.utilisation:
        return []
    share, of_all = (_percent(record.utilisation[key]) for key in ("while_wanted", "of_all_time"))
    detail = f"of the time that an evaluation was wanted; {of_all} of all time"
    return [(share, "evaluator time at work", detail)]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if math.isfinite(share) else NOTHING


def _significant(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else NOTHING


def _resumed(times: int) -> str:
    return "" if times == 0 else "resumed once" if times == 1 else f"resumed {times} times"
