"""How fast image files become the array that training uses, beside torchvision's ImageFolder.

    python benchmarks/decoding.py [--images 6000] [--seeds 0 1 2 3 4] [--only png jpeg]

ours   `read_whole` of a folder source, as `rlsel check` and `rlsel run` read it: a first time with
       an empty cache, and a second time from the cache.
rival  `ImageFolder` and a `DataLoader` of uint8 batches over the same files, with 0, 2 and 4
       workers; what is compared is the fastest of the three.
Each cell is a draw of made-up files, which both sides read in turn, each time in a fresh process.
Imports are not timed, and every file was read before, so that none has to come from the disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from recording import Cell, CellRecord
from throughput.figures import spread

from rlsel.machine.json_files import to_json

HERE = Path(__file__).parent
FILE_PX = 96
CLASSES = ("normal", "tumour")
WORKERS = (0, 2, 4)
BATCH_SIZE = 256
JPEG_QUALITY = 90
PAGE_BYTES = 4096
QUICK = {"images": 40, "seeds": [0]}


class Kind(NamedTuple):
    suffixes: tuple[str, ...]
    """Of the files, in turn."""
    size_px: int
    """At which they are read."""


KINDS = {
    "png": Kind((".png",), FILE_PX),
    "jpeg": Kind((".jpg",), FILE_PX),
    "both": Kind((".png", ".jpg"), FILE_PX),
    "both, halved": Kind((".png", ".jpg"), FILE_PX // 2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--record", type=Path, default=HERE / "records" / "decoding.json")
    parser.add_argument("--quick", action="store_true", help="tiny; the figures mean nothing")
    parser.add_argument("--side", nargs=3, metavar=("SIDE", "PX", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        side, size_px, folder = arguments.side
        print(to_json(seconds_of(side, int(size_px), folder)))
        return
    images, seeds = arguments.images, arguments.seeds
    if arguments.quick:
        images, seeds = QUICK["images"], QUICK["seeds"]
    config = {
        "images": images,
        "file_px": FILE_PX,
        "jpeg_quality": JPEG_QUALITY,
        "batch_size": BATCH_SIZE,
        "workers": WORKERS,
        "cores": len(os.sched_getaffinity(0)),
    }
    record = CellRecord(arguments.record, config, summarise, is_timed=True, n=num_pairs)
    record.fill("decoding", dict(cells(arguments.only, images, seeds)))
    record.write()


def cells(
    kinds: list[str], images: int, seeds: list[int]
) -> Iterator[tuple[str, Callable[[], Cell]]]:
    for seed in seeds:
        for kind in kinds:
            yield f"{kind} | {seed}", partial(pair, KINDS[kind], images, seed)


def pair(kind: Kind, images: int, seed: int) -> Cell:
    """Seconds of both sides on one draw of files; they begin in turn."""
    ours, rival = ["first", "cached"], [f"{workers} workers" for workers in WORKERS]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "images"
        write_images(root, kind.suffixes, images, seed)
        for file in root.rglob("*.*"):
            file.read_bytes()
        measure = partial(in_a_fresh_process, kind.size_px, root, Path(folder) / "cache")
        order = [*rival, *ours] if seed % 2 else [*ours, *rival]
        return {side: measure(side) for side in order}


def in_a_fresh_process(size_px: int, root: Path, cache: Path, side: str) -> float:
    command = [sys.executable, __file__, "--side", side, str(size_px), str(root)]
    environment = os.environ | {"RLSEL_CACHE": str(cache)}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def write_images(root: Path, suffixes: tuple[str, ...], num: int, seed: int) -> None:
    """Coloured blotches with noise: they compress about as tissue does."""
    rng = np.random.default_rng(seed)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
    for index in range(num):
        blotches = Image.fromarray(rng.integers(60, 230, (12, 12, 3), dtype=np.uint8))
        smooth = np.asarray(blotches.resize((FILE_PX, FILE_PX), Image.Resampling.BICUBIC))
        noise = rng.integers(-12, 13, smooth.shape)
        image = Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))
        suffix = suffixes[index // len(CLASSES) % len(suffixes)]
        file = root / CLASSES[index % len(CLASSES)] / f"{index:06d}{suffix}"
        image.save(file, **({"quality": JPEG_QUALITY} if suffix == ".jpg" else {}))


def seconds_of(side: str, size_px: int, folder: str) -> float:
    """Seconds until one side has every image; its imports come first."""
    num_workers = side.removesuffix(" workers")
    if num_workers != side:
        read = rival(size_px, folder, int(num_workers))
        start = time.perf_counter()
        for _ in read():
            pass
    else:
        read = ours(size_px, folder)
        start = time.perf_counter()
        # The array lies in a file, and a page of it is there once somebody looks at it.
        read().reshape(-1)[::PAGE_BYTES].sum()
    return time.perf_counter() - start


def ours(size_px: int, folder: str) -> Callable[[], np.ndarray]:
    """What reads the (n, size_px, size_px, 3) uint8 images."""
    from rlsel.data.image_set import as_images
    from rlsel.data.read import read_whole
    from rlsel.data.sources import FolderSource

    def read() -> np.ndarray:
        samples, _ = read_whole(FolderSource(path=folder), (size_px, size_px), skip_bad=False)
        return as_images(samples).images

    return read


def rival(size_px: int, folder: str, num_workers: int) -> Callable[[], Iterator[Any]]:
    """What reads batches: (b, 3, size_px, size_px) uint8 images, and their labels."""
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import functional

    def resized(image: Image.Image) -> Any:
        return functional.pil_to_tensor(functional.resize(image, [size_px, size_px]))

    # Files of the size asked for are not resized, because that would only copy them.
    look = functional.pil_to_tensor if size_px == FILE_PX else resized

    def read() -> Iterator[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of more workers than cores
            images = ImageFolder(folder, look)
            yield from DataLoader(images, batch_size=BATCH_SIZE, num_workers=num_workers)

    return read


def num_pairs(cells: dict[str, Cell]) -> int:
    return min((len(of_kind) for of_kind in _by_kind(cells).values()), default=0)


def summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """Kind of files -> seconds of both sides, and how often ours fits into the fastest rival."""
    return {kind: _figures(pairs) for kind, pairs in _by_kind(cells).items()}


def _by_kind(cells: dict[str, Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for key, cell in cells.items():
        found.setdefault(key.partition(" | ")[0], []).append(cell)
    return found


def _figures(pairs: list[Cell]) -> dict[str, Any]:
    rivals = [name for name in pairs[0] if name.endswith("workers")]
    fastest = [min(pair[name] for name in rivals) for pair in pairs]
    figures: dict[str, Any] = {
        f"{name}_s": spread([pair[name] for pair in pairs]) for name in ("first", "cached")
    }
    figures |= {"rival_s": spread(fastest)}
    for name in ("first", "cached"):
        ratios = [rival_s / pair[name] for rival_s, pair in zip(fastest, pairs, strict=True)]
        figures[f"times_rival.{name}"] = spread(ratios)
    medians = {name: spread([pair[name] for pair in pairs])["median"] for name in rivals}
    return figures | {"best_setup": min(medians, key=lambda name: medians[name])}


if __name__ == "__main__":
    main()
