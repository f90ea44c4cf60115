"""Inputs for the fuzz: mostly good ones, with one thing that is odd, and what should be counted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from PIL import Image

Answer = Literal["counted", "refused", "either"]
SPLITS = ("train", "val", "test")
MIN_VAL = 4
"""Images of a class, so that both halves of validation have some."""


@dataclass
class Made:
    """An input on the disk, and what `rlsel check` should say of it."""

    source: dict[str, Any]
    counts: dict[str, dict[str, int]]
    """Split -> class -> images; under "whole" where no split is given."""
    answer: Answer = "counted"
    """Whether it is taken, and counted right; or refused; or either, as long as it is one."""
    data: dict[str, Any] = field(default_factory=dict)
    """Settings beside the source."""


CountsOfClasses = st.lists(st.integers(MIN_VAL, 9), min_size=2, max_size=4)
Seed = st.integers(0, 2**16)


def pixels(num: int, seed: int, height: int = 16, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, height, width, 3), dtype=np.uint8)


def encoded(rgb: np.ndarray, kind: str = "PNG", mode: str = "RGB", **settings: Any) -> bytes:
    stream = BytesIO()
    Image.fromarray(rgb).convert(mode).save(stream, format=kind, **settings)
    return stream.getvalue()


# Folders ---------------------------------------------------------------------------------------

CLASS_NAMES = (
    *(
        "<5mm",
        ">5mm",
        "良性",
        "恶性",
        "healthy tissue",
        "Tumour (grade 3)",
        "a,b",
        "[bold]x",
    ),
    *(
        "Ünder",
        "O'Neil",
        '"q"',
        "$HOME",
        "~",
        "*",
        "a?",
        "{}",
        "%s",
        "-v",
        "class:1",
        "🔬",
        "é",
        "é",
    ),
    *(
        "0",
        "1",
        "10",
        "1e3",
        "nan",
        "None",
        "true",
        "con",
        "a.png",
        "x" * 200,
        "new\nline",
        "\u202e",
    ),
    *(
        "tab\there",
        "\\",
        "a ",
        " a",
        "A",
        "B",
        "test strip",
        "training ground",
        "\udce9",
        "\x1b[31m",
    ),
)
"""Names that a file system here takes; the one before the last is a byte that is not UTF-8."""
FILE_NAMES = (
    *("{} .png", "ü {}.PNG", "🔬{}.png", "P07_{}.png", "{}.tar.png", "\udce9{}.png", "#{}%20.png"),
    *("8863_idx5_x{}_y3_class0.png", "new\nline{}.png", "deep/er/{}.png", "x" * 150 + "{}.png"),
    *("-{}.png", "$HOME{}.png", "[{}].png", "*{}.png", "train/{}.png", "{}"),
)
KINDS: dict[str, Callable[[np.ndarray], bytes]] = {
    ".png": lambda rgb: encoded(rgb, mode="L"),
    ".PNG": lambda rgb: encoded(rgb, mode="P"),
    "_.png": lambda rgb: encoded(rgb, mode="RGBA"),
    "_1.png": lambda rgb: encoded(rgb, mode="1"),
    "_la.png": lambda rgb: encoded(rgb, mode="LA"),
    "_t.png": lambda rgb: encoded(rgb, mode="P", transparency=0),
    ".jpg": lambda rgb: encoded(rgb, "JPEG"),
    ".JPEG": lambda rgb: encoded(rgb, "JPEG", "CMYK"),
    ".tif": lambda rgb: encoded(rgb, "TIFF"),
    ".tiff": lambda rgb: encoded(rgb, "TIFF", compression="tiff_lzw"),
    "_small.png": lambda rgb: encoded(rgb[:1, :1]),
    "_gif.png": lambda rgb: encoded(rgb, "GIF"),
}
BROKEN: dict[str, bytes] = {
    "empty.png": b"",
    "text.png": b"this is no image",
    "cut.png": encoded(pixels(1, 0)[0])[:300],
    "float.tif": encoded(pixels(1, 0)[0], "TIFF", "F"),
    "cut.jpg": encoded(pixels(1, 0)[0], "JPEG")[:200],
}


@st.composite
def folders(draw: st.DrawFn, root: Path) -> Made:
    names = draw(st.lists(st.sampled_from(CLASS_NAMES), min_size=2, max_size=4, unique=True))
    splits = draw(st.sampled_from([("whole",), ("train", "val", "test"), ("train", "test")]))
    pattern = draw(st.sampled_from(FILE_NAMES)) if draw(st.booleans()) else "{}.png"
    seed, made = draw(Seed), Made({"name": "folder", "path": str(root / "data")}, {})
    for split in splits:
        top = root / "data" / ("" if split == "whole" else split)
        many = 5 * MIN_VAL if split in ("whole", "train") else MIN_VAL
        made.counts[split] = {name: draw(st.integers(many, many + 4)) for name in names}
        for name, num in made.counts[split].items():
            seed += 1
            for index, rgb in enumerate(pixels(num, seed)):
                file = top / name / pattern.format(f"{index:02d}")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.with_suffix(file.suffix or ".png").write_bytes(encoded(rgb))
    oddity = draw(st.sampled_from(sorted(FOLDER_ODDITIES)))
    FOLDER_ODDITIES[oddity](draw, made, root / "data", names[0], splits[0])
    return made


def _class_folder(made: Made, data: Path, name: str, split: str) -> Path:
    return data / ("" if split == "whole" else split) / name


def _other_kinds(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4, unique=True))
    for index, kind in enumerate(kinds):
        path = _class_folder(made, data, name, split) / f"odd{index}{kind}"
        path.write_bytes(KINDS[kind](pixels(1, 7 + index)[0]))
    made.counts[split][name] += len(kinds)


def _broken_image(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    broken = draw(st.sampled_from(sorted(BROKEN)))
    (_class_folder(made, data, name, split) / broken).write_bytes(BROKEN[broken])
    made.data["skip_bad"] = draw(st.booleans())
    made.answer = "counted" if made.data["skip_bad"] else "refused"


def _no_data_beside(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    folder = _class_folder(made, data, name, split)
    image = encoded(pixels(1, 3)[0])
    for file in draw(st.sets(st.sampled_from(NO_DATA), min_size=1, max_size=3)):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(image)


NO_DATA = (
    ".DS_Store",
    "notes.txt",
    ".hidden.png",
    ".ipynb_checkpoints/00.png",
    "Thumbs.db",
    "x.gz",
)


def _links(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    folder = _class_folder(made, data, name, split)
    kind = draw(st.sampled_from(["to a folder", "to a file", "in a circle", "to nothing"]))
    elsewhere = data.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "more.png").write_bytes(encoded(pixels(1, 5)[0]))
    if kind == "to a folder":
        (folder / "linked").symlink_to(elsewhere)
    elif kind == "to a file":
        (folder / "linked.png").symlink_to(elsewhere / "more.png")
    elif kind == "in a circle":
        (folder / "linked").symlink_to(folder)
    else:
        (folder / "linked.png").symlink_to(elsewhere / "missing.png")
        made.answer = "refused"
    made.counts[split][name] += kind in ("to a folder", "to a file")


def _empty_class(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    (_class_folder(made, data, name, split).parent / "nothing in it").mkdir()
    made.answer = "refused"


def _patients(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    patterns = ["prefix", "folder", r"^(\d)", r"(x)?", r"(\d*)$", "(", r"(a)(b)", r"([", ""]
    made.source["patient_from"] = draw(st.sampled_from(patterns))
    made.answer = "either"


def _named_splits(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    if split == "whole":
        return
    made.source.pop("path")
    made.source |= {part: str(data / part) for part in made.counts}
    if draw(st.booleans()):
        made.source[draw(st.sampled_from(SPLITS))] = draw(st.sampled_from(BAD_PATHS))
        made.answer = "refused"


BAD_PATHS = ("", "missing", "\0", "$NOT_SET_HERE", "~nobody_here/x", "x" * 300, "my.yaml", "\ud800")


def _a_bad_path(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    made.source["path"] = draw(st.sampled_from(BAD_PATHS))
    made.answer = "refused"


def _settings(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    made.data |= draw(
        st.sampled_from(
            [
                {"size_px": [17, 16]},
                {"size_px": 10**13},
                {"size_px": [1, 10**10]},
                {"num_train": 10**30},
                {"num_train": 1},
                {"num_val": 2, "num_test": 3},
                {"reward_val_fraction": 1e-300},
                {"positive_class": name},
                {"positive_class": ""},
                {"ratios": {"train": 0.999, "val": 0.0005, "test": 0.0005}},
            ]
        )
    )
    made.answer = "either"


def _nothing(draw: st.DrawFn, made: Made, data: Path, name: str, split: str) -> None:
    pass


FOLDER_ODDITIES: dict[str, Callable[[st.DrawFn, Made, Path, str, str], None]] = {
    "nothing": _nothing,
    "other kinds of image": _other_kinds,
    "a broken image": _broken_image,
    "files that are no data": _no_data_beside,
    "links": _links,
    "an empty class": _empty_class,
    "patients": _patients,
    "splits by name": _named_splits,
    "a bad path": _a_bad_path,
    "settings": _settings,
}
