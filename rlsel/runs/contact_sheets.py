"""Contact sheets: kept and discarded candidates of each class, for inspection by eye.

Most tiles are drawn at random, because picked examples would make any selection look good. A last
row, labelled as such, shows the candidates that were ranked highest and lowest.

Shape letters: N candidates, H rows, W columns.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from rlsel.data.tiles import lay_out, to_png
from rlsel.machine.atomic_files import replacing

FILE_NAME = "contact_sheets.npz"
NUM_RANDOM = 24
NUM_SUREST = 8
TILES_A_ROW = 8
TILE_PX = (64, 96)
"""Smaller images are enlarged by a whole factor to at least the first size. Larger images are
shrunk to the second."""
GROUPS = ("kept", "discarded", "surest_kept", "surest_discarded")


@dataclass(frozen=True)
class ContactSheet:
    """The tiles of one class and one of the `GROUPS`."""

    class_name: str
    group: str
    images: UInt8[np.ndarray, "n h w 3"]
    num_total: int
    """All kept, or all discarded, candidates of the class; the images are a part of them."""
    keep_probability: Float[np.ndarray, " n"]
    """NaN without a controller."""

    def png(self) -> bytes:
        """All tiles on a transparent background, in rows of `TILES_A_ROW`."""
        tiles = [enlarged(image) for image in self.images]
        rows = [tiles[i : i + TILES_A_ROW] for i in range(0, len(tiles), TILES_A_ROW)]
        return to_png(lay_out(rows))


def save_contact_sheets(
    run_dir: Path | str,
    images: UInt8[np.ndarray, "n h w 3"],
    labels: Int[np.ndarray, " n"],
    class_names: tuple[str, ...],
    kept: Bool[np.ndarray, " n"],
    keep_probability: Float[np.ndarray, " n"] | None,
    rng: np.random.Generator,
) -> Path:
    """Choose and store the tiles for the report, so that the report does not need the pool.

    For each class, `NUM_RANDOM` kept and as many discarded candidates are drawn uniformly without
    replacement. If probabilities are given and differ, there are also the `NUM_SUREST` kept
    candidates with the highest and the discarded ones with the lowest; ties are broken at random.

    Args:
        images: the whole pool; it may be memory-mapped, since only the chosen images are read.
        keep_probability: those of the controller, or the scores by which another method ranks, high
            for keep; None or NaN if the method has no scores.

    Raises:
        InputError: the folder is full or cannot be written to.
    """
    probability_N = np.full(len(labels), np.nan) if keep_probability is None else keep_probability
    chosen: list[tuple[int, int, int, np.ndarray]] = []
    for c in range(len(class_names)):
        for side, on_side in ((0, kept), (1, ~kept)):
            members = rng.permutation(np.flatnonzero(on_side & (labels == c)))
            chosen.append((c, side, len(members), members[:NUM_RANDOM]))
            if len(members) and np.ptp(probability_N[members]) > 0:
                sign = -1 if side == 0 else 1
                order = np.argsort(sign * probability_N[members], kind="stable")
                chosen.append((c, side + 2, len(members), members[order[:NUM_SUREST]]))
    picked = np.concatenate([indices for *_, indices in chosen]).astype(np.int64)
    # Each index once and in ascending order, which is fastest for a memory-mapped pool.
    unique, position = np.unique(picked, return_inverse=True)
    path = Path(run_dir) / FILE_NAME
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            images=np.asarray(images[unique]),
            position=position,
            keep_probability=probability_N[picked].astype(np.float64),
            class_names=np.array(class_names, dtype=np.str_),
            # One row per sheet: class, group, total number of its candidates, number of tiles.
            sheets=np.array([(c, g, n, len(indices)) for c, g, n, indices in chosen]),
        )
    return path


def load_contact_sheets(run_dir: Path | str) -> list[ContactSheet]:
    """All stored sheets, by class and then in the order of `GROUPS`; empty if there is no file."""
    path = Path(run_dir) / FILE_NAME
    if not path.exists():
        return []
    with np.load(path) as stored:
        images, position = stored["images"], stored["position"]
        probability, class_names = stored["keep_probability"], stored["class_names"]
        sheets = stored["sheets"]
    found, start = [], 0
    for c, group, num_total, num_tiles in sheets:
        tiles = slice(start, start + num_tiles)
        start += num_tiles
        if num_tiles:
            found.append(
                ContactSheet(
                    class_name=str(class_names[c]),
                    group=GROUPS[group],
                    images=images[position[tiles]],
                    num_total=int(num_total),
                    keep_probability=probability[tiles],
                )
            )
    return sorted(found, key=lambda sheet: GROUPS.index(sheet.group))


def enlarged(image_HW3: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "_ _ 3"]:
    smallest, largest = TILE_PX
    longest = max(image_HW3.shape[:2])
    if longest < smallest:
        factor = -(-smallest // longest)
        return image_HW3.repeat(factor, axis=0).repeat(factor, axis=1)
    if longest <= largest:
        return image_HW3
    height, width = (max(1, round(side * largest / longest)) for side in image_HW3.shape[:2])
    shrunk = Image.fromarray(image_HW3).resize((width, height), Image.Resampling.BOX)
    return np.asarray(shrunk)
