"""The section of docs/benchmarks.md about the speed of the generator's training."""

from statistics import median
from typing import Any

Record = dict[str, Any]


def generation_section(record: Record, name: str) -> str:
    """Images a second of both, and how many times the plain one's."""
    lines = [
        "## How fast the generator trains",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}; record `{name}.json`, by "
        "`python benchmarks/generator_speed.py`. Real images a second that the discriminator "
        "sees, generator steps included; median of pairs of timings that took turns in one "
        "process, in brackets the least and most. The plain peer "
        "(`benchmarks/generation/plain_gan.py`) has the same networks, losses and augmentation, "
        "in fp32, contiguous, not compiled.",
        "",
        "| size | channels | batch | threads | ours | plain | times the peer | n |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cell in record["cells"]:
        config, rates, times = cell["config"], cell["images_per_s"], cell["times_plain"]
        lines.append(
            f"| {cell['size_px']} px | {config['channels']} | {config['batch_size']} "
            f"| {cell['threads'] or '–'} | {median(rates['ours']):.0f} "
            f"| {median(rates['plain']):.0f} "
            f"| {median(times):.2f} ({min(times):.2f} to {max(times):.2f}) | {record['n']} |"
        )
    return "\n".join([*lines, ""])
