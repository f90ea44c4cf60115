"""The section of docs/benchmarks/speed.md about large pools."""

from typing import Any

from pool_memory import CELLS

from rlsel.features import FeaturesConfig
from rlsel.features.pool_size import PoolSize

Record = dict[str, Any]
STAGES = ("features", "audit", "learning")
SMALL = "4096"
"""The largest pool of one shard."""


def pool_section(record: Record, name: str) -> str:
    """Seconds, memory and what was found for each size of the pool."""
    config, summary = record["config"], record["summary"]
    algorithm = config["algorithm"]
    evaluations = algorithm["iterations"] * algorithm["episodes"] * 8
    lines = [
        "## How cost grows with the number of candidates",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}, ray "
        f"{record['versions']['ray']}; record `{name}.json`, by `python benchmarks/{name}.py`; "
        + "means over draws.",
        "",
        f"Each row is a whole `rlsel.select` on made-up embeddings of {config['width']} numbers, "
        f"with {config['train']} real training samples and {config['val']} for validation. Half of "
        f"the candidates have a wrong label. All rows pay for {evaluations:,} evaluations by a "
        "probe. A pool of more than 4,096 candidates is dealt to shards, and an iteration learns "
        "on one of them. *Describing* is the table of candidates and their batches; *learning* "
        "includes reading the policies on the whole pool at the end; *whole* also includes the "
        "free sets, which are tried on up to 131,072 candidates. *Memory* is the peak of all "
        "processes together with the pages of files that they share, which the system gives up "
        "when it needs room; the next table is without these. *AUC* tells how well the keep "
        "probability ranks candidates with the right label above the others; *precision* is their "
        f"share among the {config['kept']} kept candidates, and among the better half of the pool.",
        "",
    ]
    rows = [
        [
            f"{int(size):,}",
            *(f"{figures[f'stage_s.{stage}']:,.1f}" for stage in STAGES),
            f"{figures['wall_s']:,.0f}",
            f"{figures['wall_s'] / summary[SMALL]['wall_s']:.2f}" if SMALL in summary else "",
            f"{figures['peak_memory_gib']:.1f}",
            f"{figures['auc']:.3f}",
            f"{figures['precision.kept']:.3f}",
            f"{figures['precision.half']:.3f}",
            str(_num_draws(record, size)),
        ]
        for size, figures in summary.items()
        if "wall_s" in figures
    ]
    head = ["candidates", "describing, s", "copy audit, s", "learning, s", "whole, s"]
    head += ["times 4,096", "memory, GiB", "AUC", "precision, kept", "precision, half", "draws"]
    lines += table(head, rows)
    lines += [
        "The audit of images takes longer than that of embeddings, because each candidate is "
        "compared in eight views. Here it has made-up images of 32 px, with "
        f"{config['train_of_audit']:,} training images. The distances between candidates take a "
        "time that grows with the square of their number, so a large pool has them only where an "
        "input asks for them.",
        "",
    ]
    compared = [
        [f"{int(size):,}", f"{figures['copies_s']:.1f}", f"{figures['nearest_s']:.1f}"]
        for size, figures in summary.items()
        if "copies_s" in figures
    ]
    lines += table(["candidates", "copy audit of images, s", "distances between, s"], compared)
    return "\n".join(lines)


def _num_draws(record: Record, size: str) -> int:
    return sum(key.startswith(f"run/{size}/") for key in record["cells"])


def memory_section(record: Record, name: str) -> str:
    """What a run holds by candidates, numbers and classes, beside its estimate."""
    rows = []
    for key, cell in record["cells"].items():
        num, width, num_classes = map(int, key.split("/")[:3])
        inputs = tuple(CELLS[key].get("inputs", FeaturesConfig().inputs))
        estimate = PoolSize(num, width, num_classes, inputs).num_bytes / 2**30
        noted = ", also as inputs" if "features" in inputs else ""
        rows.append(
            [
                f"{num:,}",
                f"{width:,}{noted}",
                f"{num_classes}",
                f"{cell['held_gib']:.2f}",
                f"{estimate:.2f}",
            ]
        )
    lines = [
        "## What a run holds in memory as its pool grows",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}, ray "
        f"{record['versions']['ray']}; record `{name}.json`, by `python benchmarks/{name}.py`; "
        "one draw (n = 1).",
        "",
        "The runs are those of the table above, with other embeddings. *Held* is the most that all "
        "processes of a run held together, but for pages of files, which the system gives up when "
        "memory gets short. *Estimated* is what `rlsel check` says beforehand "
        "(`rlsel/features/pool_size.py`), whose figures come from this table.",
        "",
    ]
    head = ["candidates", "numbers of each", "classes", "held, GiB", "estimated, GiB"]
    return "\n".join(lines + table(head, rows))


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---:"] * len(head), *rows]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]
