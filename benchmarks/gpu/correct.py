"""The part `correct`: the GPU computes what the CPU does, repeats itself, and survives being full.

    python -m gpu.correct --device cuda --record PATH      (in benchmarks/)

Every check is a cell of the record, written as soon as it ends; one that fails is told and does
not keep the next from running.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from recording import Cell, CellRecord
from throughput.code_digest import digest_of_code

from .agreement import agreement_cells
from .repeats import repeat_cells
from .shortages import shortage_cells
from .size import size_on

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "rlsel"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--record", type=Path, required=True)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    size = size_on(device)
    code = (*HERE.glob("*.py"), *PACKAGE.rglob("*.py"))
    record = CellRecord(
        arguments.record,
        {"device": arguments.device, "size_px": size.size_px, "code": digest_of_code(code)},
        summarise,
        of_other_settings="start anew",
        is_timed=True,
        gpu_name=torch.cuda.get_device_name() if device.type == "cuda" else None,
    )
    for cells in (agreement_cells, repeat_cells, shortage_cells):
        record.fill("correct", {key: partial(_survive, check) for key, check in cells(size)})
    print(line(record.summary))


def _survive(check: Callable[[], Cell]) -> Cell:
    """A check that ends in an error is a check that failed."""
    try:
        return check()
    except Exception as error:  # whatever a GPU may raise
        lines = str(error).splitlines() or [""]
        return {"ok": False, "said": f"{type(error).__name__}: {lines[0]}"}


def summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """Of each kind of check how many passed, the worst of its figures, and what failed."""
    summary: dict[str, Any] = {}
    for kind in ("agreement", "repeats", "shortage"):
        of_kind = {k.split("/", 1)[1]: c for k, c in cells.items() if k.startswith(f"{kind}/")}
        if of_kind:
            summary[kind] = {
                "passed": sum(cell["ok"] for cell in of_kind.values()),
                "checks": len(of_kind),
                "failed": [name for name, cell in of_kind.items() if not cell["ok"]],
            }
    if "repeats" in summary:
        repeats = [cell for key, cell in cells.items() if key.startswith("repeats/")]
        summary["repeats"]["to_the_bit"] = sum(c.get("equal_to_the_bit", False) for c in repeats)
    errors = {k: c["relative_error"] for k, c in cells.items()
              if k.startswith("agreement/") and "relative_error" in c}  # fmt: skip
    if errors:
        worst = max(errors, key=lambda key: errors[key])
        summary["agreement"] |= {"worst": worst.split("/", 1)[1], "worst_error": errors[worst]}
    return summary


def line(summary: dict[str, Any]) -> str:
    """The figure of this part."""
    said = [
        f"{kind} {part['passed']} of {part['checks']}"
        + (f" ({part['to_the_bit']} to the bit)" if "to_the_bit" in part else "")
        for kind, part in summary.items()
    ]
    if "worst" in summary.get("agreement", {}):
        agreement = summary["agreement"]
        said.append(f"largest relative error {agreement['worst_error']:.1e} ({agreement['worst']})")
    failed = [name for part in summary.values() for name in part["failed"]]
    return ", ".join(said) + (f"; not passed: {'; '.join(failed)}" if failed else "")


if __name__ == "__main__":
    main()
