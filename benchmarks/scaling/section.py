"""The section of docs/benchmarks/speed.md about evaluators: tables, and how the curve goes on."""

from typing import Any

Record = dict[str, Any]
FAR = 1_000
"""Evaluators that nobody here has; what would happen is computed from what was measured."""
EACH = 2
"""Episodes an evaluator, for what they weigh."""


def scaling_section(record: Record, name: str) -> str:
    """Utilisation and overhead, order of service, and what gives way first."""
    cells, config = record["cells"], record["config"]
    loads = [cell["load_before"] for cell in cells.values()]
    lines = [
        "## Evaluators and episodes",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}, ray "
        f"{record['versions']['ray']}; record `{name}.json`, by `python benchmarks/{name}.py`.",
        "",
        "How many evaluators can one broker keep at work? The broker, its ledger and all messages "
        "are real. The evaluators are pretended: they sleep instead of training, so that many of "
        "them fit on one small machine. A job lasts "
        f"{config['mean_s']:g} s, or a random time with that mean (exponentially distributed). "
        f"There are {config['candidates']:,} candidates and {config['decisions']} decisions an "
        f"episode. Each row is one iteration; all rows together are {record['n']:,} evaluations.",
        "",
        "*Utilisation* is the share of the evaluators' time, from the first request to the last "
        "answer, that they spent on a job. *Without messages* is what it would be if messages took "
        "no time, computed; for random durations it is the mean ± sample std over 20 draws, and "
        "the measured row is one such draw. Random durations leave evaluators without work near "
        "the end of an iteration whatever the broker does, and the more so the more evaluators "
        "there are. *Overhead* is how long an answer takes beyond its job and the wait for a free "
        "evaluator.",
        "",
        "All actors shared the two cores. The load average was "
        f"{min(loads):.1f} to {max(loads):.1f} before the cells, most of it from starting the "
        "actors. With constant durations many answers come at the same moment and wait for their "
        "turn, so the mean overhead is above the median.",
        "",
    ]
    lines += _table(
        (
            *("durations", "evaluators", "episodes", "utilisation", "without messages"),
            *("overhead, ms: mean", "median", "p95", "n"),
        ),
        [
            _iteration(key, cell, cells[key.replace("iteration", "without_messages")])
            for key, cell in _starting(cells, "iteration/")
        ],
    )
    lines += [
        "The order of service matters, because an episode can ask for its next evaluation only "
        "when it has the answer to the last one. The table shows utilisation under three orders, "
        "simulated without messages, for jobs that take longer the more candidates were kept. "
        "*Turns* serves the episode that is furthest behind and is what the broker does; *order of "
        "arrival* and *longest first* are the alternatives.",
        "",
    ]
    lines += _table(
        ("evaluators", "episodes", "turns", "order of arrival", "longest first"),
        [
            (*key.split("/")[1:], *(_percent(cell[o]) for o in ("turns", "arrival", "longest")))
            for key, cell in _starting(cells, "order/")
        ],
    )
    return "\n".join([*lines, *_limits(record), ""])


def _limits(record: Record) -> list[str]:
    """What gives way first with a thousand evaluators, in the figures that were measured."""
    cells = record["cells"]
    if not {"saturation/with_ledger", "messages", "episode_memory"} <= cells.keys():
        return []
    full, free = cells["saturation/with_ledger"], cells["saturation/without_ledger"]
    one, many = cells["ledger/1"]["rows_per_s"], cells["ledger/128"]["rows_per_s"]
    messages, weight = cells["messages"], cells["episode_memory"]["mib_per_episode"]
    rate = full["per_s"]
    least_s = FAR / rate
    kib_per_s = rate * (messages["request_bytes"] + messages["answer_bytes"]) / 1024
    return [
        f"### {FAR:,} evaluators",
        "",
        "Nobody has run so many. This is computed from what was measured here.",
        "",
        f"With evaluators that need no time the broker answers {rate:,.0f} new evaluations a "
        f"second (best of {full['n'] / 512:.0f} rounds of 512). It would answer "
        f"{free['per_s']:,.0f} if nothing were written down, and it answers "
        f"{full['from_ledger_per_s']:,.0f} from the ledger. Each answer takes "
        f"{full['broker_cpu_ms']:.1f} ms of processor time, and the broker uses one core. {FAR:,} "
        f"evaluators whose jobs take T seconds ask for {FAR:,}/T evaluations a second. What "
        "limits them:",
        "",
        f"1. **The broker's core**, when a job takes less than {least_s:.1f} s. With jobs of 1 s "
        f"the broker keeps about {rate:,.0f} evaluators at work, with jobs of {10 * least_s:.0f} s "
        f"{10 * FAR:,}. Training a ResNet34 takes longer than that. Probes take less, but they are "
        "asked for in groups, and a group costs the broker little more than one job. *Remedy:* "
        "larger groups, or several brokers, each with its own evaluators and ledger; a job's key "
        "would say which broker it goes to, so that equal jobs meet.",
        f"2. **The ledger**, which writes {one:,.0f} rows a second one by one, as each waits for "
        f"the disk, and {many:,.0f} in groups of 128. The broker writes together what came in "
        "during the last write, so groups grow with the load, and the ledger costs it "
        f"{100 * (1 - rate / free['per_s']):.0f}% of its rate. *Remedy:* a faster disk; several "
        "brokers would have a ledger each anyway.",
        f"3. **The object store** is far from its limit. A request is "
        f"{messages['request_bytes']:,.0f} bytes with {messages['candidates']:,.0f} candidates and "
        f"an answer {messages['answer_bytes']:,.0f}. At the broker's limit that is "
        f"{kib_per_s:,.0f} KiB/s, and Ray sends messages below 100 KiB past the store. Images go "
        "through it once for every machine. *Remedy:* a mask takes a byte for each candidate, so "
        "pools of 100,000 exceed the 100 KiB; packed into bits it would take an eighth.",
        f"4. **Episodes** are processes of {weight:,.0f} MiB each. At {EACH} for every evaluator "
        f"that is {EACH * FAR * weight / 1024:,.0f} GiB on the machines of the env runners, and it "
        "is due long before the broker is too slow. *Remedy:* an env runner that plays many "
        "episodes in one process (`env_runner_cls=` of RLlib).",
        "",
    ]


def _iteration(key: str, cell: dict[str, float], ideal: dict[str, float]) -> tuple[str, ...]:
    times = (f"{cell[f'overhead_ms_{name}']:.1f}" for name in ("mean", "median", "p95"))
    spread = f" ± {100 * ideal['std']:.1f}" if "std" in ideal else ""
    return (
        *key.split("/")[1:],
        *(_percent(cell["utilisation"]), _percent(ideal["utilisation"]) + spread),
        *(*times, f"{cell['n']:.0f}"),
    )


def _starting(cells: dict[str, Any], prefix: str) -> list[tuple[str, dict[str, float]]]:
    """Cells of one sort, by their numbers."""

    def numbers(item: tuple[str, dict[str, float]]) -> tuple[tuple[bool, int, str], ...]:
        parts = item[0].split("/")
        return tuple((p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts)

    return sorted((item for item in cells.items() if item[0].startswith(prefix)), key=numbers)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [columns, ("---:",) * len(columns), *rows]
    return [*("| " + " | ".join(cells) + " |" for cells in lines), ""]
