"""Images a second of the GAN's training, beside a plain implementation of the same networks.

    python benchmarks/generator_speed.py [--repetitions 5]
    python benchmarks/generator_speed.py --device cuda --record $OUT/generator_speed_cuda.json

Both take turns in one process, on random pixels: speed does not depend on what they show.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from generation.plain_gan import PlainTraining
from recording import write_record
from recording.files import this_machine

from rlsel.classifier import Resident
from rlsel.experiment.config import load_experiment
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.training import Training
from rlsel.machine.progress import console, progress_bar

HERE = Path(__file__).parent
RECIPE = HERE.parent / "tune_configs" / "histogan_small.yaml"
NUM_IMAGES, NUM_CLASSES = 512, 2
WARM_UP_STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--size-px", type=int, help="images of this size alone")
    parser.add_argument("--quick", action="store_true", help="tiny; the figures mean nothing")
    parser.add_argument("--record", type=Path, default=HERE / "records" / "generator_speed.json")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    cells = [c for c in _cells(device) if arguments.size_px in (None, c["size_px"])]
    if arguments.quick:
        tiny = HistoGANConfig(channels=8, max_channels=16, batch_size=16)
        cells = [{"config": tiny, "size_px": 32, "threads": 1, "timed_steps": 2}]
    sides = ("ours", "plain")
    with progress_bar("generator speed", len(cells) * arguments.repetitions * 2) as bar:
        for cell in cells:
            threads = cell["threads"]
            torch.set_num_threads(threads or torch.get_num_threads())
            steps = _both(cell["config"], cell["size_px"], device)
            for side in sides:
                _time(steps[side], WARM_UP_STEPS, device, side == "ours")
            rates: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(arguments.repetitions):
                for side in sides:
                    seconds = _time(steps[side], cell["timed_steps"], device, side == "ours")
                    images = cell["timed_steps"] * cell["config"].batch_size
                    rates[side].append(round(images / seconds, 2))
                    bar.advance(note=f"{cell['size_px']} px, {side}")
            cell["config"] = asdict(cell["config"])
            cell["images_per_s"] = rates
            pairs = zip(rates["ours"], rates["plain"], strict=True)
            cell["times_plain"] = [ours / plain for ours, plain in pairs]
    name = torch.cuda.get_device_name(0) if device.type == "cuda" else None
    by_name = {f"{cell['size_px']} px, {cell['threads']} threads": cell for cell in cells}
    summary = {key: min(cell["times_plain"]) for key, cell in by_name.items()}
    write_record(
        arguments.record,
        summary=summary,
        n=arguments.repetitions,
        config={"num_images": NUM_IMAGES, "num_classes": NUM_CLASSES},
        cells=by_name,
        machine=this_machine(name),
    )
    console.print(summary)


def _cells(device: torch.device) -> list[dict[str, Any]]:
    small = load_experiment(RECIPE).generator
    if small is None:
        raise SystemExit(f"{RECIPE}: has no generator")
    if device.type == "cuda":
        return [
            {"config": config, "size_px": size_px, "threads": None, "timed_steps": 50}
            for config, size_px in ((small, 32), (HistoGANConfig(), 96))
        ]
    narrow = replace(small, batch_size=16)
    return [
        {"config": small, "size_px": 32, "threads": 1, "timed_steps": 8},
        {"config": small, "size_px": 32, "threads": os.cpu_count(), "timed_steps": 8},
        {"config": narrow, "size_px": 96, "threads": os.cpu_count(), "timed_steps": 4},
    ]


def _both(
    config: HistoGANConfig, size_px: int, device: torch.device
) -> dict[str, Callable[[], object]]:
    generator = torch.Generator().manual_seed(0)
    shape = (NUM_IMAGES, 3, size_px, size_px)
    images_NCHW = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels_N = torch.arange(NUM_IMAGES) % NUM_CLASSES
    images_NHWC = images_NCHW.permute(0, 2, 3, 1).contiguous().numpy()
    data = Resident.put(images_NHWC, labels_N.numpy(), device)
    ours = Training(config, data, NUM_CLASSES, 0)
    plain = PlainTraining(config, images_NCHW.to(device), labels_N.to(device))
    return {"ours": ours.run_step, "plain": plain.run_step}


def _time(step: Callable[[], object], num: int, device: torch.device, is_ours: bool) -> float:
    # Ours asks for kernels that repeat themselves, the plain one for the fastest.
    torch.backends.cudnn.deterministic = is_ours
    torch.backends.cudnn.benchmark = not is_ours
    start = time.perf_counter()
    for _ in range(num):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
