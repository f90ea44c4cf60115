"""How long 8,192 evaluations by a probe take, policy updates included, beside a plain torch loop.

    python benchmarks/learning_loop.py [--evaluations 8192] [--repetitions 3]

Ours is `rlsel.algorithms.train` as `rlsel run` calls it, ledger, checkpoints and all. The peer is
what a competent user would write for this one purpose, in `planted_truth/plain_loop.py`: the same
controller, updates and probe, nothing else. Both take turns in one process, on the bed
`labels_plain` (1,024 candidates, 100 real images) with 16 episodes.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ray
import torch
from planted_truth.loop_cells import overhead_of_actors, profile_ours, time_ours, time_plain
from recording import write_record

from rlsel.machine.cluster import quieten
from rlsel.machine.progress import console, progress_bar

RECORD = Path(__file__).parent / "records" / "learning_loop.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=8192)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--record", type=Path, default=RECORD)
    arguments = parser.parse_args()
    quieten()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    torch.set_num_threads(1)
    num = arguments.repetitions
    ours, plain = [], []
    with progress_bar("learning loop", 2 * num + 2) as bar:
        for seed in range(num):
            ours.append(time_ours(arguments.evaluations, seed))
            bar.advance(note="ours")
            plain.append(time_plain(arguments.evaluations, seed))
            bar.advance(note="plain loop")
        profile = profile_ours(arguments.evaluations // 8)
        bar.advance(note="profile")
        actors = overhead_of_actors()
        bar.advance(note="actors")
    ratios = [one["seconds"] / other["seconds"] for one, other in zip(ours, plain, strict=True)]
    summary = {
        "seconds": sum(one["seconds"] for one in ours) / num,
        "ratio_to_plain_loop": sum(ratios) / num,
        "max_ratio": max(ratios),
        "actor_overhead_ms": actors["overhead_ms"],
    }
    write_record(
        arguments.record,
        summary=summary,
        n=num,
        config={"evaluations": arguments.evaluations},
        cells={
            **{f"ours | {seed}": cell for seed, cell in enumerate(ours)},
            **{f"plain loop | {seed}": cell for seed, cell in enumerate(plain)},
            "profile": profile,
            "actors": actors,
        },
    )
    console.print(summary)


if __name__ == "__main__":
    main()
