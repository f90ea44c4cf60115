"""How many evaluators one broker keeps at work: real broker, messages and ledger, pretended work.

    python benchmarks/evaluator_scaling.py [--only saturation] [--again iteration]

Evaluators sleep, so that 64 of them fit on two cores; 1 s a job, or exponentially distributed with
that mean. Episodes take 8 decisions one after the other, as many at once as stated. A cell is one
iteration. Every finished cell is written to the record at once, and a second start goes on there.
Ray runs its actors at nice 15, so that other work on the machine shows: let there be none.
"""

import argparse
import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import get_args

import ray
from recording import CellRecord
from rich.table import Table
from scaling.iteration import Cell, compare_orders, measure, without_messages
from scaling.limits import saturate, weigh_episodes, weigh_messages, write_ledger
from scaling.pretended import NUM_CANDIDATES, NUM_DECISIONS, Distribution, Latency

from rlsel.machine.progress import console

RECORD = Path(__file__).parent / "records" / "evaluator_scaling.json"
MEAN_S = 1.0
EVALUATORS = (1, 4, 8, 16, 32, 64)
EPISODES_EACH = (2, 4)
DISTRIBUTIONS: tuple[Distribution, ...] = get_args(Distribution)
GROUP_SIZES = (1, 8, 128)
NICER = 15
"""What Ray adds to the niceness of whoever starts it, for its actors (`worker_niceness`)."""
FIGURES: dict[str, dict[str, Callable]] = {
    "iteration": {"utilisation": min, "overhead_ms_mean": max, "overhead_ms_median": max},
    "without_messages": {"utilisation": min},
}
"""Sort of cell -> figure of it -> what the worst of them is."""


def cells() -> Iterator[tuple[str, Callable[[], Cell]]]:
    """Name and maker of every cell."""
    yield "messages", weigh_messages
    for size in GROUP_SIZES:
        yield f"ledger/{size}", partial(write_ledger, size)
    yield "saturation/with_ledger", partial(saturate, has_ledger=True)
    yield "saturation/without_ledger", partial(saturate, has_ledger=False)
    for num in EVALUATORS[1:]:
        for episodes in (num * 3 // 2, 2 * num, 4 * num):
            name = f"order/{num}/{episodes}"
            yield name, partial(compare_orders, num, episodes, MEAN_S)
    for each in EPISODES_EACH:
        for num in EVALUATORS:
            for distribution in DISTRIBUTIONS:
                latency = Latency(distribution, MEAN_S, seed=0)
                where = f"{distribution}/{num}/{num * each}"
                ideal = partial(without_messages, num, num * each, distribution, MEAN_S)
                yield f"without_messages/{where}", ideal
                yield f"iteration/{where}", partial(measure, num, num * each, latency)
    # Last: it starts a Ray of its own.
    yield "episode_memory", weigh_episodes


def main() -> None:
    parser = argparse.ArgumentParser(description="How many evaluators does a broker keep at work?")
    parser.add_argument("--only", default="", help="cells whose name starts so")
    parser.add_argument("--again", help="forget cells whose name starts so, such as iteration")
    parser.add_argument("--record", type=Path, default=RECORD)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    record = CellRecord(
        arguments.record,
        _config(),
        summarise,
        n=_num_evaluations,
        of_other_settings="start anew",
        is_timed=True,
    )
    if arguments.again:
        record.drop([name for name in record.cells if name.startswith(arguments.again)])
    wanted = {
        name: partial(_measure, name, make)
        for name, make in cells()
        if name.startswith(arguments.only)
    }
    record.fill("evaluator scaling", wanted)
    record.write()
    show(record.cells)


def _measure(name: str, make: Callable[[], Cell]) -> Cell:
    """With Ray up as the cell needs it, and how busy the machine was before."""
    if name == "episode_memory":
        ray.shutdown()
    elif not ray.is_initialized():
        here = str(Path(__file__).parent)
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"PYTHONPATH": here}},
        )
    busy_before = os.getloadavg()[0]
    return make() | {"load_before": busy_before}


def _config() -> dict:
    return {
        "mean_s": MEAN_S,
        "distributions": list(DISTRIBUTIONS),
        "decisions": NUM_DECISIONS,
        "candidates": NUM_CANDIDATES,
        "seed": 0,
        "nice_of_actors": min(os.nice(0) + NICER, 19),
    }


def _num_evaluations(done: dict[str, Cell]) -> int:
    return sum(int(cell["n"]) for name, cell in done.items() if name.startswith("iteration/"))


def summarise(done: dict[str, Cell]) -> dict[str, float]:
    """The figures that targets name; each is the worst over the cells it is about."""
    summary: dict[str, float] = {}
    for distribution in DISTRIBUTIONS:
        for sort, worst in FIGURES.items():
            within = [
                cell
                for name, cell in done.items()
                if name.startswith(f"{sort}/{distribution}/") and _is_in_target(name)
            ]
            for key, choose in worst.items():
                if within:
                    name = f"{distribution}.{sort}.{choose.__name__}_{key}"
                    summary[name] = choose(cell[key] for cell in within)
    for name, key in (
        ("saturation/with_ledger", "per_s"),
        ("saturation/with_ledger", "from_ledger_per_s"),
        ("saturation/without_ledger", "per_s"),
        *((f"ledger/{size}", "rows_per_s") for size in GROUP_SIZES),
        ("episode_memory", "mib_per_episode"),
    ):
        if name in done:
            summary[f"{name}.{key}"] = done[name][key]
    return {name: round(value, 4) for name, value in summary.items()}


def _is_in_target(name: str) -> bool:
    """From 16 episodes on, with 2 to 4 of them an evaluator."""
    num_evaluators, num_episodes = map(int, name.split("/")[2:])
    return num_episodes >= 16 and 2 <= num_episodes / num_evaluators <= 4


def show(done: dict[str, Cell]) -> None:
    table = Table("figure", "value", title="evaluator scaling")
    for name, value in summarise(done).items():
        table.add_row(name, f"{value:g}")
    console.print(table)


if __name__ == "__main__":
    main()
