"""The figures that targets name, out of the cells of reward_throughput."""

from collections import defaultdict
from math import sqrt
from statistics import median
from typing import Any

from recording import Cell

from .figures import mean_with_std, rounded, spread

RATES = ("evaluations_per_hour", "images_per_s", "val_images_per_s")
Series = dict[str, dict[int, Cell]]
"""Name -> repetition (or seed) -> cell."""


def summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """`throughput.SETTING`, `full_over.FIDELITY`, `test_METRIC` and `share.SETTING`."""
    by_part: dict[str, Series] = defaultdict(lambda: defaultdict(dict))
    for key, cell in cells.items():
        part, rest = key.split("/", 1)
        name, repetition = rest.rsplit("/", 1)
        by_part[part][name][int(repetition)] = cell
    return {
        **_throughput(by_part["throughput"]),
        **_fidelities(by_part["fidelity"]),
        **_accuracy(by_part["accuracy"]),
        **_shares(by_part["share"]),
    }


def _throughput(series: Series) -> dict[str, Any]:
    """Rates of every set-up, the fastest peer, and each of ours against it, pair by pair."""
    settings: dict[str, Series] = defaultdict(dict)
    for name, cells in series.items():
        setting, setup = name.split("/", 1)
        settings[setting][setup] = cells
    summary: dict[str, Any] = {}
    for setting, setups in settings.items():
        peers = {name: cells for name, cells in setups.items() if name.startswith("peer")}
        figure: dict[str, Any] = {
            "extrapolated": any(
                c["extrapolated"] for cells in setups.values() for c in cells.values()
            ),
            "setups": {name: _rates(cells) for name, cells in setups.items()},
        }
        if peers:
            fastest = max(peers, key=lambda name: _median_rate(peers[name]))
            figure["peer"] = fastest
            figure["times_the_peer"] = {
                name: spread(ratios)
                for name, cells in setups.items()
                if name not in peers and (ratios := _ratios(cells, peers[fastest]))
            }
        summary[f"throughput.{setting}"] = figure
    return summary


def _rates(cells: dict[int, Cell]) -> dict[str, Any]:
    return {rate: spread([cell[rate] for cell in cells.values()]) for rate in RATES}


def _median_rate(cells: dict[int, Cell]) -> float:
    return median(cell["evaluations_per_hour"] for cell in cells.values())


def _ratios(ours: dict[int, Cell], peer: dict[int, Cell]) -> list[float]:
    """Evaluations an hour, ours over the peer's of the same repetition."""
    rate = "evaluations_per_hour"
    return [ours[r][rate] / peer[r][rate] for r in sorted(ours.keys() & peer.keys())]


def _fidelities(series: Series) -> dict[str, Any]:
    """Seconds of each, and how many of them one full evaluation costs, pair by pair."""
    full = series.get("full in groups of 1", {})
    summary: dict[str, Any] = {}
    for name, cells in series.items():
        summary[f"evaluation_s.{name}"] = spread([cell["seconds"] for cell in cells.values()])
        ratios = [
            full[r]["seconds"] / cells[r]["seconds"] for r in sorted(full.keys() & cells.keys())
        ]
        if cells is not full and ratios:
            summary[f"full_over.{name}"] = spread(ratios)
    return summary


def _accuracy(series: Series) -> dict[str, Any]:
    """Both sides' test scores; the difference in units of the std between seeds, pooled."""
    summary: dict[str, Any] = {}
    for metric in ("accuracy", "auc"):
        sides = {
            side: mean_with_std([cell[metric] for cell in series[side].values()])
            for side in ("ours", "peer")
            if side in series
        }
        if len(sides) < 2:
            continue
        ours, peer = sides["ours"], sides["peer"]
        figure: dict[str, Any] = {**sides, "ours_less_peer": rounded(ours["mean"] - peer["mean"])}
        if ours["std"] is not None and peer["std"] is not None:
            pooled = sqrt((ours["std"] ** 2 + peer["std"] ** 2) / 2)
            figure["pooled_std"] = rounded(pooled)
            # Seeds that all score alike have no std to measure the difference with.
            figure["in_std"] = rounded(figure["ours_less_peer"] / pooled) if pooled else None
        summary[f"test_{metric}"] = figure
    return summary


def _shares(series: Series) -> dict[str, Any]:
    """Share of the matrix-product rate, and of what the time is spent on in the middle run."""
    summary = {}
    names = ("images_per_s", "model_flops_per_s", "matrix_product_flops_per_s")
    for setting, by_repetition in series.items():
        cells = sorted(by_repetition.values(), key=lambda c: c["share_of_matrix_product_rate"])
        measured = ("share_of_matrix_product_rate", *names)
        summary[f"share.{setting}"] = {
            **{name: spread([cell[name] for cell in cells]) for name in measured},
            "time_by_kind": cells[len(cells) // 2]["profile"]["kinds"],
        }
    return summary
