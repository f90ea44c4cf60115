"""The sections of docs/benchmarks/speed.md about the cost of evaluations and of the ledger."""

from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]


def throughput_section(record: Record, name: str) -> str:
    """Ours beside the naive peer, fidelity beside fidelity, and the share of the device's rate."""
    summary, config = record["summary"], record["config"]
    title = "on a GPU" if config["device"] == "cuda" else "on a CPU"
    lines = [
        f"## What an evaluation costs, {title}",
        "",
        _origin(record, name),
        "",
        "One evaluation trains a ResNet34 for "
        f"{config['classifier']['epochs']} epochs in batches of "
        f"{config['classifier']['batch_size']}. The naive peer is a plain PyTorch trainer, "
        "`benchmarks/throughput/naive_peer.py`, in every way in which a user may share out the "
        "machine. Its fastest set-up is in bold, and *times the peer* compares ours with that one. "
        "Both took turns, so each ratio is of a pair that was measured together: the median, and "
        "in brackets the lowest and highest pair. *Extrapolated*: a training of that size was "
        "timed over a few steps and computed from them.",
        "",
    ]
    lines += _table(
        ("size", "images", "set-up", "evaluations/h", "images/s", "times the peer"),
        [row for key, figure in _starting(summary, "throughput.") for row in _setups(key, figure)],
    )
    if "test_accuracy" in summary:
        lines += [
            "Both do the same training. Test scores, mean ± sample std over seeds; the difference "
            "is also given in units of the std between seeds:",
            "",
        ]
        lines += _table(
            ("test", "ours", "naive peer", "difference", "in std between seeds", "seeds"),
            [_scores(key, figure) for key, figure in _starting(summary, "test_")],
        )
    if costs := list(_starting(summary, "evaluation_s.")):
        lines += [
            f"What each fidelity costs: one evaluation on {_trained_on(record)} in one process, "
            "median (lowest to highest). *In groups of* says how many evaluations were solved "
            "together; the cost is that of one.",
            "",
        ]
        full_over = dict(_starting(summary, "full_over."))
        lines += _table(
            ("fidelity", "ms", "cheaper than full"),
            [
                (key, _range(_times(seconds, 1000)), _range(full_over.get(key), suffix=" x"))
                for key, seconds in costs
            ],
        )
    if shares := list(_starting(summary, "share.")):
        lines += ["How much of the machine a training uses, validation left out:", ""]
    for key, share in shares:
        lines += _share(key, share)
    return "\n".join(lines)


def growth_section(record: Record, name: str) -> str:
    """Straight lines through seconds and through bytes."""
    summary = record["summary"]
    lines = [
        "## How cost grows with the number of images",
        "",
        _origin(record, name),
        "",
        "Each row is a straight line fitted by least squares, ± its standard errors. Time: even "
        "with no image an evaluation takes a while, for fresh weights and, most of all, for "
        "validation; every image adds to it.",
        "",
    ]
    lines += _table(
        ("evaluation", "s for no image", "ms an image", "r²", "n"),
        [
            (
                fidelity,
                _line(line, "intercept"),
                _line(line, "slope", 1000),
                _number(line["r_squared"]),
                str(line["n"]),
            )
            for fidelity, line in _starting(summary, "time.")
        ],
    )
    lines += [
        "Memory of one process: `images` are those of the run; `held` adds the evaluator's own "
        "copy; `peak` is the most while that copy is made. *Predicted* is what "
        "[the architecture](../architecture.md) says, in multiples of a decoded image.",
        "",
    ]
    memory = {k: v for k, v in _starting(summary, "memory.") if k != "before_bytes"}
    lines += _table(
        ("memory of one process", "bytes an image", "in decoded images", "predicted", "n"),
        [
            (
                key.replace(".", ", ").replace("_bytes", ""),
                _line(line, "slope"),
                _number(line["slope_in_images"]),
                _number(line["predicted_in_images"]),
                str(line["n"]),
            )
            for key, line in memory.items()
        ],
    )
    return "\n".join(lines)


def ledger_section(record: Record, name: str) -> str:
    """Speed of a large ledger, a row for each size of the pool."""
    lines = [
        f"## A ledger of {record['n']:,} evaluations",
        "",
        f"{record['hardware']}; SQLite {record['versions']['sqlite']}; record `{name}.json`, "
        f"by `python benchmarks/{name}.py`.",
        "",
        "The ledger is the file in which every paid evaluation is kept. Look-up and write: median, "
        "and 99th percentile. Start-up checks every page of the file; the longest of "
        f"{record['config']['openings']} is shown. *After a kill* is the start-up with the log "
        "that a killed process leaves behind.",
        "",
    ]
    rows = []
    for num_candidates, figure in record["summary"].items():
        times = [
            f"{figure[f'{name}_ms_median']:.3f}, {figure[f'{name}_ms_p99']:.3f}"
            for name in ("lookup", "put")
        ]
        times += [f"{figure[f'{name}_max']:.3f}" for name in ("startup_s", "startup_after_kill_s")]
        rows.append((f"{int(num_candidates):,}", *times, f"{figure['file_mib']:.1f}"))
    head = ("candidates", "look-up, ms", "write, ms", "start-up, s", "after a kill, s", "MiB")
    return "\n".join([*lines, *_table(head, rows)])


def _setups(setting: str, figure: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    size, num_images = setting.split("px_")
    note = " (extrapolated)" if figure["extrapolated"] else ""
    for name, rates in figure["setups"].items():
        ratio = figure.get("times_the_peer", {}).get(name)
        yield (
            f"{size} px",
            f"{int(num_images):,}{note}",
            f"**{name}**" if name == figure.get("peer") else name,
            _number(rates["evaluations_per_hour"]["median"]),
            _number(rates["images_per_s"]["median"]),
            _range(ratio),
        )


def _scores(metric: str, figure: dict[str, Any]) -> tuple[str, ...]:
    sides = (figure["ours"], figure["peer"])
    spreads = (f" ± {side['std']:.3f}" if side["std"] is not None else "" for side in sides)
    return (
        metric,
        *(f"{side['mean']:.3f}{std}" for side, std in zip(sides, spreads, strict=True)),
        f"{figure['ours_less_peer']:+.3f}",
        _number(figure.get("in_std")),
        str(figure["ours"]["n"]),
    )


def _share(setting: str, share: dict[str, Any]) -> list[str]:
    rates = (share["model_flops_per_s"], share["matrix_product_flops_per_s"])
    model, product = (_number(rate["median"] / 1e12) for rate in rates)
    kinds = share["time_by_kind"].items()
    spent = ", ".join(f"{kind} {100 * part:.0f}%" for kind, part in kinds if part >= 0.01)
    percent = 100 * share["share_of_matrix_product_rate"]["median"]
    return [
        f"{setting}: the model's work runs at {model} TFLOP/s, which is {percent:.1f}% of the "
        f"{product} TFLOP/s that bf16 matrix products alone reach in the same process. Its time is "
        f"spent on {spent}.",
        "",
    ]


def _trained_on(record: Record) -> str:
    trained = [c["num_train"] for k, c in record["cells"].items() if k.startswith("fidelity/full")]
    return f"{sum(trained) / len(trained):,.0f} images" if trained else "real + kept"


def _origin(record: Record, name: str) -> str:
    return f"{record['hardware']}; torch {record['versions']['torch']}; record `{name}.json`."


def _starting(summary: dict[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    return [(k.removeprefix(prefix), v) for k, v in summary.items() if k.startswith(prefix)]


def _times(figure: dict[str, float], factor: float) -> dict[str, float]:
    return {key: value * factor for key, value in figure.items()}


def _range(figure: dict[str, float] | None, suffix: str = "") -> str:
    if figure is None:
        return ""
    median, least, most = (_number(figure[key]) for key in ("median", "min", "max"))
    return f"{median}{suffix} ({least} to {most})"


def _line(line: dict[str, Any], what: str, factor: float = 1.0) -> str:
    if line[what] is None:
        return ""
    return f"{_number(line[what] * factor)} ± {_number(line[f'{what}_error'] * factor)}"


def _number(value: float | None) -> str:
    """Three figures, and no fraction from a hundred on."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    ruler = ("---", *["---:"] * (len(head) - 1))
    return [*("| " + " | ".join(cells) + " |" for cells in (head, ruler, *rows)), ""]
