"""The section of docs/benchmarks.md about evaluators: tables, and how the curve goes on."""

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
        f"{record['versions']['ray']}; record `{name}.json`, by `python benchmarks/{name}.py`. "
        "The broker, its ledger and all messages are real; evaluators only sleep, "
        f"{config['mean_s']:g} s a job or exponentially distributed with that mean; "
        f"{config['candidates']:,} candidates, {config['decisions']} decisions an episode. A row "
        f"is one iteration; {record['n']:,} evaluations in all. All actors shared the two cores "
        f"(load average {min(loads):.1f} to {max(loads):.1f} before the cells, most of it "
        "their own start), and with constant durations all answers of a wave come at the same "
        "moment, so that the last of them waits for its turn: the mean is above the median.",
        "",
        "Utilisation is the share of the evaluators' time, from the first request to the last "
        "answer, that they slept on a job. Beside it is what it would be if messages took no time "
        "(computed; with exponential durations mean ± sample std over 20 draws, of which the row "
        "is one): near the end of an iteration drawn durations leave evaluators without work, "
        "whatever the broker does, the more so the more evaluators there are. Overhead is what an "
        "answer takes beyond its job and the wait for its evaluator.",
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
        "Who is served first matters, as an episode's jobs come one after the other. Simulated "
        "without messages, for jobs whose time grows with the candidates kept so far; `turns` is "
        "what the broker does.",
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
        f"With evaluators that need no time the broker answers {rate:,.0f} new evaluations a "
        f"second (best of {full['n'] / 512:.0f} rounds of 512), {free['per_s']:,.0f} if nothing is "
        f"written down, and {full['from_ledger_per_s']:,.0f} from the ledger; it takes "
        f"{full['broker_cpu_ms']:.1f} ms of processor time for each, and has one core. {FAR:,} "
        f"evaluators whose jobs take T seconds ask for {FAR:,}/T a second, so:",
        "",
        f"1. **The broker's one core gives way first**, where T is below {least_s:.1f} s: at 1 s "
        f"each it keeps about {rate:,.0f} evaluators at work, at {10 * least_s:.0f} s each "
        f"{10 * FAR:,}. Trainings of a ResNet34 take longer than that; probes do not, but go "
        "together, and a group costs the broker little more than one job. *Then:* let groups "
        "grow, or start several brokers, each with its own evaluators and ledger, and choose among "
        "them by the job's key: equal jobs meet at the same one.",
        f"2. **The ledger** takes {one:,.0f} rows a second one by one, each of which waits for the "
        f"disk, and {many:,.0f} in groups of 128. The broker writes at one go what came in during "
        "the last write, so the groups grow with the load, and the ledger costs it "
        f"{100 * (1 - rate / free['per_s']):.0f}% of its rate. *Then:* a faster disk; the rows of "
        "several brokers are in files of their own anyway.",
        f"3. **The object store** does not notice: a request is {messages['request_bytes']:,.0f} "
        f"bytes with {messages['candidates']:,.0f} candidates, an answer "
        f"{messages['answer_bytes']:,.0f}; at the broker's limit that is {kib_per_s:,.0f} KiB/s, "
        "and Ray sends messages below 100 KiB past the store. Images go through it once for every "
        "machine. *Then:* a mask is a byte a candidate, so pools of 100,000 pass that mark; with "
        "its bits packed it would be an eighth.",
        f"4. **Episodes** are processes of {weight:,.0f} MiB each, so {EACH} an evaluator are "
        f"{EACH * FAR * weight / 1024:,.0f} GiB on the machines of the env runners. That is the "
        "first bill to come, long before the broker's. *Then:* an env runner that plays many "
        "episodes at once in one process (`env_runner_cls=` of RLlib).",
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
