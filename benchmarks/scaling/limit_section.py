"""The section of docs/benchmarks/speed.md about data that are larger than the memory left."""

from typing import Any

from .pool_section import table

Record = dict[str, Any]
COMMANDS = {"check": "`rlsel check`", "run": "`rlsel run`, probes"}


def limit_section(record: Record, name: str) -> str:
    """How commands ended under a limit of memory, and what they held."""
    config, summary = record["config"], record["summary"]
    lines = [
        "## Data larger than memory",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}, ray "
        f"{record['versions']['ray']}; record `{name}.json`, by `python benchmarks/{name}.py`; "
        + (f"n = {record['n']} draws." if record["n"] > 1 else "one draw (n = 1)."),
        "",
        f"Made-up JPEG images, decoded to {config['size_px']} px. What a command holds whatever "
        "the size of the data is measured on a small data set. Then a control group of Linux "
        f"leaves it {config['left_gib']:g} GiB more, and the decoded images take twice that. "
        "*Held* is memory but for pages of files, which the system gives up when it needs room. "
        "The run decodes all images, computes their features with a frozen network, learns with "
        "probes and ends with full trainings.",
        "",
    ]
    rows = []
    for command, words in COMMANDS.items():
        for size in ("small", "large"):
            of = summary.get(f"{command}/{size}")
            if of is None:
                continue
            limit = "none" if of["limit_gib"] is None else f"{of['limit_gib']:.2f}"
            ended = f"{of['num_ended_well']} of {record['n']}"
            figures = [f"{of['decoded_gib']:.2f}", limit, f"{of['held_gib']:.2f}"]
            rows.append([words, *figures, ended])
    head = ["command", "decoded, GiB", "limit, GiB", "held, GiB", "ended well"]
    return "\n".join([*lines, *table(head, rows)]).rstrip() + "\n"
