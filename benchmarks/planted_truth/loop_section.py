"""The section of docs/benchmarks/speed.md about the learning loop."""

from typing import Any

Record = dict[str, Any]


def loop_section(record: Record, name: str) -> str:
    """Ours beside the plain loop, and where the time goes."""
    each, summary, cells = record["config"]["evaluations"], record["summary"], record["cells"]
    ours_and_plain = (
        [cell for key, cell in cells.items() if key.startswith(f"{side} | ")]
        for side in ("ours", "plain loop")
    )
    rows = [
        (str(seed), f"{ours['seconds']:.1f}", f"{plain['seconds']:.1f}",
         f"{ours['seconds'] / plain['seconds']:.2f}")
        for seed, (ours, plain) in enumerate(zip(*ours_and_plain, strict=True))
    ]  # fmt: skip
    parts = ", ".join(f"{part} {ms:.2f}" for part, ms in cells["profile"].items())
    return "\n".join(
        [
            "## How fast the learning loop turns",
            "",
            f"{record['hardware']}; torch {record['versions']['torch']}, ray "
            f"{record['versions']['ray']}; record `{name}.json`, by `python benchmarks/{name}.py`.",
            "",
            f"{each:,} evaluations by a probe with all updates of the policy, for 1,024 candidates "
            "and 16 episodes at a time. *Ours* is the learning of `rlsel run`, which also keeps a "
            "ledger and checkpoints. The *plain loop* (`benchmarks/planted_truth/plain_loop.py`) "
            "has the same controller, updates and probe and nothing else. Both took turns in one "
            "process.",
            "",
            "| seed | ours, s | plain loop, s | ratio |",
            "| ---: | ---: | ---: | ---: |",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            f"Where the time goes, in ms an evaluation by the profiler, which slows everything "
            f"down: {parts}. Where evaluators are actors in other processes, an answer takes "
            f"{summary['actor_overhead_ms']:.1f} ms beyond the work itself "
            f"(n = {cells['actors']['n']}).",
            "",
        ]
    )
