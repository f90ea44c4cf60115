"""Writes docs/benchmarks.md and the README's table from the records: no figure is typed by hand.

python benchmarks/tables.py
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from fidelity.section import fidelity_section
from generation.sections import quality_section, recipes_section, speed_section
from gpu.section import correct_section, paper_section
from planted_truth.fault_section import fault_section
from planted_truth.loop_section import loop_section
from planted_truth.paired import compare
from planted_truth.planted_figures import draw_curves
from planted_truth.planted_section import planted_section
from scaling.section import scaling_section
from throughput.sections import growth_section, throughput_section

from rlsel.machine.atomic_files import write_text
from rlsel.metrics import mean_and_std
from rlsel.reporting.wording import in_order, label, signed

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
README = HERE.parent / "README.md"
MARKERS = ("<!-- scores, by benchmarks/tables.py -->", "<!-- end of scores -->")
METRICS = ("accuracy", "auc", "sensitivity", "specificity")
TITLES = {
    "default": "The built-in default (`rlsel run`)",
    "pcam_planted": "Real PCam, planted labels (`rlsel run tune_configs/pcam_planted.yaml`)",
    "pcam_small": "A GAN on 500 real patches (`rlsel run tune_configs/pcam_small.yaml`)",
}
INTRODUCTION = """\
# Benchmarks

Made by `python benchmarks/tables.py` from `benchmarks/records/`; every raw value is there. Scores
are test scores of a ResNet34 trained afresh on real + selected images. Methods that select keep
the same number of candidates as the controller; `keep all` and the oracle do not. A config is named
by a hash of all its settings; a version of rlsel with other settings gives it another one.
"""


def main() -> None:
    parts = [INTRODUCTION]
    for path in sorted((HERE / "records").glob("whole_run_*.json")):
        name = path.stem.removeprefix("whole_run_")
        parts.append(_section(TITLES.get(name, name), name, json.loads(path.read_text())))
    parts += _cost_sections()
    parts += _planted_truth()
    parts.append(_ledger(json.loads((HERE / "records" / "ledger_speed.json").read_text())))
    write_text(PAGE, "\n".join(parts))
    _fill_readme()


def _planted_truth() -> list[str]:
    """Of the three records together, once all are there."""
    parts = ("learn", "beds", "select")
    paths = [HERE / "records" / f"planted_truth_{part}.json" for part in parts]
    if not all(path.exists() for path in paths):
        return []
    learned, beds, selections = (json.loads(path.read_text()) for path in paths)
    draw_curves(learned["cells"], beds["cells"])
    return [planted_section(learned, beds, selections)]


def _cost_sections() -> list[str]:
    """Of the records that are there and finished."""
    sections = {
        "fault_truth": fault_section,
        "reward_fidelity": fidelity_section,
        "reward_throughput": throughput_section,
        "gpu_correct": correct_section,
        "reward_throughput_cuda": throughput_section,
        "cost_growth": growth_section,
        "evaluator_scaling": scaling_section,
        "learning_loop": loop_section,
        "generator_speed": speed_section,
        "generator_speed_cuda": speed_section,
        "gpu_paper": paper_section,
        "generator_recipes": recipes_section,
        "generator_quality_histogan_small": quality_section,
        "generator_quality_histogan_pcam": quality_section,
    }
    paths = {name: HERE / "records" / f"{name}.json" for name in sections}
    return [
        sections[name](json.loads(path.read_text()), name)
        for name, path in paths.items()
        if path.exists() and json.loads(path.read_text())["summary"]
    ]


def _fill_readme() -> None:
    """The short table between the README's markers, of the run on real images."""
    record = json.loads((HERE / "records" / "whole_run_pcam_planted.json").read_text())
    runs = record["runs"]
    rounds = len(next(iter(runs[0]["scores"].values()))["accuracy"])
    rows = [_row("trained on real +", "test accuracy", "test AUC", "candidates kept")]
    rows.append(_row("---", "---:", "---:", "---:"))
    for method in in_order(list(runs[0]["scores"])):
        scores = [_score(runs, method, metric) for metric in ("accuracy", "auc")]
        rows.append(_row(label(method), *scores, str(runs[0]["num_kept"][method])))
    note = (
        f"500 real PCam patches at 32 px, 1,024 candidates of which half have a wrong label; "
        f"mean ± sample std of {rounds} trainings; {record['device']}."
    )
    before, _, rest = README.read_text().partition(MARKERS[0])
    after = rest.partition(MARKERS[1])[2]
    table = "\n".join((MARKERS[0], note, "", *rows, MARKERS[1]))
    write_text(README, before + table + after)


def _section(title: str, name: str, record: dict[str, Any]) -> str:
    runs, summary = record["runs"], record["summary"]
    rounds = len(next(iter(runs[0]["scores"].values()))["accuracy"])
    seeds = ", ".join(str(run["seed"]) for run in runs)
    lines = [
        f"## {title}",
        "",
        f"Seeds {seeds}, {rounds} rounds each; {record['device']}; torch "
        f"{record['versions']['torch']}, ray {record['versions']['ray']}; config "
        f"`{record['config_hash']}` of rlsel {record['versions']['rlsel']}; record "
        f"`whole_run_{name}.json`. Mean ± sample std "
        + ("over seeds of the means of rounds; " if len(runs) > 1 else "over rounds; ")
        + "the last column is the controller's accuracy less the method's, "
        + (
            "paired by seed, with its 95% interval by Student's t."
            if len(runs) > 1
            else "paired by round; rounds share a draw and a selection, so there is no interval."
        ),
        "",
        _row("method", *METRICS, "kept", "controller over it"),
        _row("---", *["---:"] * 6),
    ]
    for method in in_order(list(runs[0]["scores"])):
        cells = [_score(runs, method, metric) for metric in METRICS]
        kept = mean_and_std([float(run["num_kept"][method]) for run in runs])[0]
        lines.append(_row(label(method), *cells, f"{kept:.0f}", _controller_over(runs, method)))
    lines += _truth(summary)
    wall, memory, evaluations = (
        summary[key] for key in ("wall_s", "peak_memory_gib", "evaluations")
    )
    lines += [
        "",
        f"{evaluations['mean']:.0f} evaluations a run; wall time {wall['mean'] / 60:.1f} min "
        f"(longest {wall['max'] / 60:.1f}); peak memory {memory['mean']:.1f} GiB "
        f"(highest {memory['max']:.1f}).",
        "",
        *_candidates_alone(runs),
    ]
    return "\n".join(lines)


def _candidates_alone(runs: list[dict[str, Any]]) -> list[str]:
    """The classification accuracy score, where runs have it."""
    scores = [run.get("classification", {}).get("candidates") for run in runs]
    if not all(scores):
        return []
    mean, std = mean_and_std([mean_and_std(score["accuracy"])[0] for score in scores if score])
    spread = f" ± {std:.3f}" if math.isfinite(std) else ""
    return [f"A classifier of all candidates and no real image: {mean:.3f}{spread}.", ""]


def _truth(summary: dict[str, Any]) -> list[str]:
    rows = []
    for key, figure in summary.items():
        if key.startswith("truth_auc.") and figure["mean"] is not None:
            spread = f" ± {figure['std']:.3f}" if figure["std"] is not None else ""
            text = label(key.removeprefix("truth_auc."))
            rows.append(_row(text, f"{figure['mean']:.3f}{spread}", f"{figure['min']:.3f}"))
    head = [_row("against the truth", "AUC", "least of the seeds"), _row("---", "---:", "---:")]
    return ["", *head, *rows] if rows else []


def _ledger(record: dict[str, Any]) -> str:
    """Speed of a large ledger, a row for each size of the pool."""
    lines = [
        f"## A ledger of {record['n']:,} evaluations",
        "",
        f"{record['hardware']}; SQLite {record['versions']['sqlite']}; record `ledger_speed.json`, "
        f"by `python benchmarks/ledger_speed.py`. Look-up and write: median, 99th percentile. "
        f"Start-up, with a check of every page: the longest of {record['config']['openings']}; "
        "after a kill, with the log that a killed process leaves.",
        "",
        _row("candidates", "look-up, ms", "write, ms", "start-up, s", "after a kill, s", "MiB"),
        _row("---:", *["---:"] * 5),
    ]
    for num_candidates, figure in record["summary"].items():
        times = [
            f"{figure[f'{name}_ms_median']:.3f}, {figure[f'{name}_ms_p99']:.3f}"
            for name in ("lookup", "put")
        ]
        times += [f"{figure[f'{name}_max']:.3f}" for name in ("startup_s", "startup_after_kill_s")]
        lines.append(_row(f"{int(num_candidates):,}", *times, f"{figure['file_mib']:.1f}"))
    return "\n".join((*lines, ""))


def _score(runs: list[dict[str, Any]], method: str, metric: str) -> str:
    mean, std = mean_and_std(_series(runs, method, metric))
    return f"{mean:.3f} ± {std:.3f}"


def _controller_over(runs: list[dict[str, Any]], method: str) -> str:
    if method == "controller" or "controller" not in runs[0]["scores"]:
        return ""
    ours, theirs = (np.array(_series(runs, name, METRICS[0])) for name in ("controller", method))
    if len(runs) == 1:
        return signed(float(np.mean(ours - theirs)))
    gain = compare(ours - theirs)
    return f"{signed(gain['mean'])} [{signed(gain['low'])}, {signed(gain['high'])}]"


def _series(runs: list[dict[str, Any]], method: str, metric: str) -> list[float]:
    """Means of the rounds of each seed, or the rounds where there is one seed."""
    values = [run["scores"][method][metric] for run in runs]
    return [mean_and_std(rounds)[0] for rounds in values] if len(runs) > 1 else values[0]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
