"""The sections of docs/benchmarks/whole_runs.md, and the README's table."""

import math
from typing import Any

from planted_truth.paired import compare
from recording import Record

from rlsel.metrics import mean_and_std
from rlsel.reporting.wording import in_order, label, signed

from .scores import METRICS, Run, gains, methods_of, rounds_of, runs_of, score

TITLES = {
    "default": "The built-in default (`rlsel run`)",
    "pcam_planted": "Real PCam, planted labels (`rlsel run tune_configs/pcam_planted.yaml`)",
    "pcam_small": "A GAN on 500 real patches (`rlsel run tune_configs/pcam_small.yaml`)",
}
WHAT = {
    "default": "The images are drawn by the program itself (the phantom), and so are the "
    "candidates, of which about half are wrong on purpose.",
    "pcam_planted": "500 real PCam patches at 32 px. The candidates are 1,024 other real patches, "
    "of which half have a wrong label.",
    "pcam_small": "500 real PCam patches at 32 px. The candidates are 1,024 images of a GAN that "
    "was trained on these patches, so nobody knows which of them are good.",
}


def whole_run_section(record: Record, name: str) -> str:
    """Scores of every method, the truth found, time and memory."""
    runs, summary, name = runs_of(record), record["summary"], name.removeprefix("whole_run_")
    lines = [
        f"## {TITLES.get(name, name)}",
        "",
        *([WHAT[name], ""] if name in WHAT else []),
        *_origin(record, name, runs),
        _row("method", *METRICS, "kept", "gain of the controller"),
        _row("---", *["---:"] * 6),
    ]
    for method in in_order(list(methods_of(runs))):
        cells = [score(runs, method, metric) for metric in METRICS]
        kept = mean_and_std([float(run["num_kept"][method]) for run in runs])[0]
        lines.append(_row(label(method), *cells, f"{kept:.0f}", _gain(runs, method)))
    lines += _truth(summary)
    wall, memory, evaluations = (
        summary[key] for key in ("wall_s", "peak_memory_gib", "evaluations")
    )
    lines += [
        "",
        f"A run took {evaluations['mean']:.0f} evaluations, {wall['mean'] / 60:.1f} min of wall "
        f"time (longest {wall['max'] / 60:.1f}) and {memory['mean']:.1f} GiB of memory at its peak "
        f"(highest {memory['max']:.1f}).",
        "",
        *_candidates_alone(runs),
    ]
    return "\n".join(lines)


def readme_table(record: Record) -> list[str]:
    """The short table of the README, of the run on real images."""
    runs = runs_of(record)
    rows = [_row("trained on real +", "test accuracy", "test AUC", "candidates kept")]
    rows.append(_row("---", "---:", "---:", "---:"))
    for method in in_order(list(methods_of(runs))):
        scores = [score(runs, method, metric) for metric in ("accuracy", "auc")]
        rows.append(_row(label(method), *scores, str(runs[0]["num_kept"][method])))
    note = (
        "500 real PCam patches at 32 px, 1,024 candidates of which half have a wrong label; "
        f"mean ± sample std of {rounds_of(runs)} trainings; {record['hardware']}."
    )
    return [note, "", *rows]


def _origin(record: Record, name: str, runs: list[Run]) -> list[str]:
    seeds = [str(run["seed"]) for run in runs]
    versions, rounds = record["versions"], rounds_of(runs)
    many = len(runs) > 1
    return [
        f"Seed{'s' if many else ''} {', '.join(seeds)}; {rounds} classifiers for every method"
        f"{' and seed' if many else ''}. {record['hardware']}; torch {versions['torch']}, "
        f"ray {versions['ray']}; config `{record['config']['config_hash']}`; record "
        f"`whole_run_{name}.json`.",
        "",
        (
            f"Each cell is the mean ± sample std over the {len(runs)} seeds; a seed's score is the "
            f"mean of its {rounds} classifiers. The last column is the controller's accuracy less "
            "the method's, paired by seed, with its 95% interval by Student's t."
            if many
            else f"Each cell is the mean ± sample std over the {rounds} classifiers. They share a "
            "draw of images and one selection, so the std says nothing of another draw. The last "
            "column is the controller's accuracy less the method's, without an interval for the "
            "same reason."
        ),
        "",
    ]


def _candidates_alone(runs: list[Run]) -> list[str]:
    """The classification accuracy score, where runs have it."""
    scores = [run.get("classification", {}).get("candidates") for run in runs]
    if not all(scores):
        return []
    mean, std = mean_and_std([mean_and_std(score["accuracy"])[0] for score in scores if score])
    spread = f" ± {std:.3f}" if math.isfinite(std) else ""
    return [
        f"A classifier that learns all candidates and no real image has a test accuracy of "
        f"{mean:.3f}{spread}.",
        "",
    ]


def _truth(summary: dict[str, Any]) -> list[str]:
    rows = []
    for key, figure in summary.items():
        if key.startswith("truth_auc.") and figure["mean"] is not None:
            spread = f" ± {figure['std']:.3f}" if figure["std"] is not None else ""
            text = label(key.removeprefix("truth_auc."))
            rows.append(_row(text, f"{figure['mean']:.3f}{spread}", f"{figure['min']:.3f}"))
    if not rows:
        return []
    return [
        "",
        "How well each score tells useful candidates from the others, as AUC (.5 is chance):",
        "",
        _row("score", "AUC", "lowest of the seeds"),
        _row("---", "---:", "---:"),
        *rows,
    ]


def _gain(runs: list[Run], method: str) -> str:
    if method == "controller" or "controller" not in methods_of(runs):
        return ""
    gain = gains(runs, method)
    if len(runs) == 1:
        return signed(float(gain.mean()))
    found = compare(gain)
    return f"{signed(found['mean'])} [{signed(found['low'])}, {signed(found['high'])}]"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
