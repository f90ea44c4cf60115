"""The section of docs/benchmarks/speed.md about reading image files."""

from typing import Any

Record = dict[str, Any]
FILES = {
    "png": "PNG",
    "jpeg": "JPEG",
    "both": "half PNG, half JPEG",
    "both, halved": "half PNG, half JPEG, read at half the size",
}


def decoding_section(record: Record, name: str) -> str:
    """Seconds of both sides for each kind of files, and their ratios."""
    config, versions = record["config"], record["versions"]
    workers = ", ".join(map(str, config["workers"]))
    lines = [
        "## How fast image files are read",
        "",
        f"{record['hardware']}; torchvision {versions['torchvision']}; record `{name}.json`, by "
        f"`python benchmarks/{name}.py`; n = {record['n']} pairs, each of fresh files.",
        "",
        f"{config['images']:,} made-up files of {config['file_px']} px in two class folders become "
        "uint8 images. *First* is how `rlsel check` and `rlsel run` read them with an empty cache: "
        "decoded, hashed and written to the cache. *Again* is a second start, from the cache. The "
        "rival is torchvision's `ImageFolder` with a `DataLoader` over the same files, without "
        f"normalisation, in batches of {config['batch_size']}; it was tried with {workers} "
        "workers, and each pair takes the fastest of them. Both took turns in fresh processes, "
        "imports are not counted, and all files were in memory. *Times the rival* is the median of "
        "the pairs, and in brackets the lowest and highest pair.",
        "",
        "| files | first, s | again, s | rival, s | its workers | times the rival: first | again |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, figures in record["summary"].items():
        seconds = (figures[f"{side}_s"]["median"] for side in ("first", "cached", "rival"))
        row = (
            FILES[kind],
            *(f"{value:.3f}" for value in seconds),
            figures["best_setup"].removesuffix(" workers"),
            *(_ratio(figures[f"times_rival.{side}"]) for side in ("first", "cached")),
        )
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def _ratio(figure: dict[str, float]) -> str:
    return f"{figure['median']:.2f} ({figure['min']:.2f} to {figure['max']:.2f})"
