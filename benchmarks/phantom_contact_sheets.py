"""Draws docs/images/phantom_*.png: what the phantom and the kinds of its candidates look like.

python benchmarks/phantom_contact_sheets.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rlsel.data.phantom import KINDS, PhantomPool, PhantomSource, draw_candidates, draw_splits

FOLDER = Path(__file__).parent.parent / "docs" / "images"
ENLARGED = 3
COLUMNS = 14
GAP_PX, TITLE_PX = 4, 22


def main() -> None:
    source = PhantomSource()
    train = draw_splits(source, np.random.default_rng(0))["train"]
    by_class = {
        name: train.images[train.labels == label] for label, name in enumerate(train.class_names)
    }
    save(contact_sheet(by_class, num_rows=3), "phantom_contact_sheet.png")
    drawn = draw_candidates(PhantomPool(), source, train, np.random.default_rng(1))
    candidates, kinds_N, _ = drawn
    by_kind = {kind.replace("_", " "): candidates.images[kinds_N == kind] for kind in KINDS}
    save(contact_sheet(by_kind, num_rows=1), "phantom_candidate_kinds.png")


def contact_sheet(images_by_name: dict[str, np.ndarray], num_rows: int) -> Image.Image:
    """`num_rows` rows of enlarged images under each name."""
    side = ENLARGED * next(iter(images_by_name.values())).shape[1]
    step = side + GAP_PX
    block = TITLE_PX + num_rows * step + GAP_PX
    sheet = Image.new("RGB", (COLUMNS * step + GAP_PX, len(images_by_name) * block), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
    for number, (name, images) in enumerate(images_by_name.items()):
        pen.text((GAP_PX, number * block + 2), name, fill="black", font=font)
        for index, image in enumerate(images[: num_rows * COLUMNS]):
            row, column = divmod(index, COLUMNS)
            place = (column * step + GAP_PX, number * block + TITLE_PX + row * step)
            enlarged = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
            sheet.paste(enlarged, place)
    return sheet


def save(sheet: Image.Image, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    # A palette of 256 colours is a third of the size, and H&E has few hues.
    sheet.quantize(256, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
