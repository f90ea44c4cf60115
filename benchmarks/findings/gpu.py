"""What a GPU did, once `benchmarks/on_gpu.py` has left records."""

from collections.abc import Iterator, Mapping

from gpu.section import CORRECT_TITLE, PAPER_TITLE
from recording import Record

from rlsel.reporting.wording import decimal, in_order, label

from .claims import Claim, Source, listed


def gpu_claims(records: Mapping[str, Record]) -> Iterator[Claim]:
    """Of the records that are there."""
    if records.get("gpu_correct", {}).get("summary"):
        yield _correct(records["gpu_correct"])
    if records.get("gpu_paper", {}).get("summary", {}).get("scores"):
        yield _paper(records["gpu_paper"])


def _correct(record: Record) -> Claim:
    parts = record["summary"]
    failed = [name for part in parts.values() for name in part["failed"]]
    said = listed(f"{kind} {part['passed']} of {part['checks']}" for kind, part in parts.items())
    passed = not failed and parts.keys() == {"agreement", "repeats", "shortage"}
    return Claim(
        passed,
        "A GPU computes what a CPU does, repeats itself, and survives being full."
        if passed
        else "A GPU has not passed every check.",
        f"Checks passed: {said}." + (f" Not passed: {listed(failed)}." if failed else ""),
        Source(record, f"n = {len(record['cells'])} checks", "speed", CORRECT_TITLE),
    )


def _paper(record: Record) -> Claim:
    scores = {name: of["accuracy"] for name, of in record["summary"]["scores"].items()}
    known = {name: figure["mean"] for name, figure in scores.items() if figure["mean"] is not None}
    said = listed(f"{label(name)} {decimal(known[name])}" for name in in_order(list(known)))
    ours, uniform = (known.get(name, float("nan")) for name in ("controller", "uniform"))
    trainings = max((figure["n"] for figure in scores.values()), default=0)
    return Claim(
        ours > uniform,
        "The paper's whole line at 96 px ran on a GPU; learned selection is "
        f"{'ahead of' if ours > uniform else 'not ahead of'} random selection in one draw.",
        f"Test accuracy: {said}. There is no interval, and another draw may give another order.",
        Source(record, f"n = 1 seed, {trainings} trainings each", "whole_runs", PAPER_TITLE),
    )
