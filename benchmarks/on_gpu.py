"""All that a GPU is asked for, within a quarter of an hour: correct, fast, and the paper's line.

    python benchmarks/on_gpu.py                          on a machine with a CUDA device
    python benchmarks/on_gpu.py --part correct --part throughput --budget 4
    python benchmarks/on_gpu.py --rehearse               on a CPU, tiny: does all of it still run?

correct     gradients and predictions against fp32 on the CPU; the same seed twice; a full GPU;
throughput  evaluations an hour, ours and a naive peer's, and the share of the device's rate;
generator   images a second of the GAN's training, beside a plain implementation;
paper       3,931 + 2,757 real PCam patches at 96 px, a GAN, selection, final scores (needs Ray and
            RLSEL_SHARED).
Parts run in this order, each in a process of its own with a budget of its own; what one leaves of
it goes to the next. Each writes its record while it works, and none keeps the next from running.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gpu import correct, paper
from recording import read_record

from rlsel.machine.progress import console

HERE = Path(__file__).parent
Summary = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """What is run for a name."""

    minutes: float
    record: str
    """File name; the part fills it while it works."""
    command: Callable[[Path, float, bool], list[str]]
    """(record, seconds, whether it is a rehearsal) -> arguments of Python."""
    line: Callable[[Summary], str]
    """The figure that the part is for, out of the summary of its record."""


def main() -> None:
    arguments = _parse()
    if not arguments.rehearse and not torch.cuda.is_available():
        console.print("no CUDA device is to be seen; --rehearse runs all of it, tiny, on the CPU")
        raise SystemExit(2)
    with tempfile.TemporaryDirectory() as temporary:
        default = Path(temporary) if arguments.rehearse else HERE / "records"
        lines, all_well = _run_parts(arguments, arguments.to or default)
    console.print("\n".join(lines), markup=False)
    raise SystemExit(0 if all_well else 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="more than once for several; all by default"
    )
    parser.add_argument("--budget", type=float, metavar="MIN", help="of all parts together")
    parser.add_argument("--rehearse", action="store_true", help="on a CPU, tiny; figures mean nil")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="of the records")
    return parser.parse_args()


def _run_parts(arguments: argparse.Namespace, to: Path) -> tuple[list[str], bool]:
    """A line for each part, and whether all ended well."""
    to = to.resolve()
    to.mkdir(parents=True, exist_ok=True)
    parts = {name: PARTS[name] for name in PARTS if name in (arguments.part or PARTS)}
    planned = sum(part.minutes for part in parts.values())
    scale = (arguments.budget or planned) / planned
    lines, all_well = [], True
    until = time.monotonic()
    for name, part in parts.items():
        until += 60 * scale * part.minutes
        start = time.monotonic()
        command = part.command(to / part.record, until - start, arguments.rehearse)
        began = time.time()
        reason = _reason_of_failure([sys.executable, *command], until)
        figure = _figure(part, to / part.record, began)
        failed = f"; {reason}" if reason else ""
        lines.append(f"{name}: {figure}{failed} ({time.monotonic() - start:.0f} s)")
        console.print(lines[-1], markup=False)
        all_well &= not reason
    return lines, all_well


def _reason_of_failure(command: list[str], until: float) -> str:
    """Run it; what went wrong, or nothing."""
    environment = dict(os.environ)
    repository = str(HERE.parent)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (repository, environment.get("PYTHONPATH")))
    )
    process = subprocess.Popen(command, cwd=HERE, env=environment, start_new_session=True)
    try:
        code = process.wait(max(1.0, until - time.monotonic()))
        return f"ended with exit code {code}" if code else ""
    except subprocess.TimeoutExpired:
        return "the time was up, and what it had written by then counts"
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    """With all that it started; on Ctrl-C as well."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _figure(part: Part, record: Path, began: float) -> str:
    """Of what was written from then on; an earlier record says nothing of this run."""
    try:
        if record.stat().st_mtime < began - 1:
            return "no figure (nothing was written)"
        return part.line(read_record(record)["summary"])
    except (OSError, ValueError, KeyError, IndexError, SystemExit) as error:
        return f"no figure ({type(error).__name__})"


def _correct(record: Path, seconds: float, rehearse: bool) -> list[str]:
    device = "cpu" if rehearse else "cuda"
    return ["-m", "gpu.correct", "--device", device, "--record", str(record)]


def _throughput(record: Path, seconds: float, rehearse: bool) -> list[str]:
    command = ["reward_throughput.py", "--record", str(record)]
    command += ["--only", "throughput", "share", "accuracy"]
    if rehearse:
        return [*command, "--quick"]
    # The longest cell takes half a minute.
    command += ["--device", "cuda", "--size-px", "96", "--num-images", "6688"]
    return [*command, "--seeds", "3", "--budget-s", f"{seconds - 40:.0f}"]


def _generator(record: Path, seconds: float, rehearse: bool) -> list[str]:
    command = ["generator_speed.py", "--record", str(record), "--repetitions"]
    if rehearse:
        return [*command, "1", "--quick"]
    return [*command, "3", "--device", "cuda", "--size-px", "96"]


def _paper(record: Path, seconds: float, rehearse: bool) -> list[str]:
    command = ["-m", "gpu.paper", "--to", str(record.parent), "--budget-s", f"{seconds - 25:.0f}"]
    return [*command, "--rehearse"] if rehearse else command


def _throughput_line(summary: Summary) -> str:
    said = []
    for key, figure in summary.items():
        if key.startswith("throughput.") and figure.get("times_the_peer"):
            best, times = max(figure["times_the_peer"].items(), key=lambda item: item[1]["median"])
            rate = figure["setups"][best]["images_per_s"]["median"]
            said.append(
                f"{key.removeprefix('throughput.')}: {rate:,.0f} images/s ({best}), "
                f"{times['median']:.1f} times the fastest naive peer"
            )
        if key.startswith("share."):
            share = figure["share_of_matrix_product_rate"]["median"]
            said.append(f"{key.removeprefix('share.')}: {share:.1%} of the bf16 matrix rate")
    if "test_accuracy" in summary:
        said.append(f"accuracy less the peer's {summary['test_accuracy']['ours_less_peer']:+.3f}")
    return "; ".join(said) or "nothing was measured"


def _generator_line(summary: Summary) -> str:
    return ", ".join(f"{cell}: {times:.2f} times a plain one" for cell, times in summary.items())


PARTS = {
    "correct": Part(1.5, "gpu_correct.json", _correct, correct.line),
    "throughput": Part(2.5, "reward_throughput_cuda.json", _throughput, _throughput_line),
    "generator": Part(1.0, "generator_speed_cuda.json", _generator, _generator_line),
    "paper": Part(5.0, paper.RECORD, _paper, paper.line),
}


if __name__ == "__main__":
    main()
