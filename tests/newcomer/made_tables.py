"""NPZ and Parquet files, and configs, for the fuzz."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import reject
from hypothesis import strategies as st
from made_inputs import MIN_VAL, Made, encoded, pixels

# NPZ -------------------------------------------------------------------------------------------


@st.composite
def npz_files(draw: st.DrawFn, root: Path) -> Made:
    num_classes = draw(st.integers(2, 4))
    splits = draw(st.sampled_from([("whole",), ("train", "val", "test"), ("train", "test")]))
    made, arrays = Made({"name": "npz", "path": str(root / "d.npz")}, {}), {}
    for split in splits:
        each = 5 * MIN_VAL if split in ("whole", "train") else MIN_VAL
        numbers = [draw(st.integers(each, each + 4)) for _ in range(num_classes)]
        made.counts[split] = {str(label): num for label, num in enumerate(numbers)}
        prefix = "" if split == "whole" else f"{split}_"
        labels = np.random.default_rng(each).permutation(np.repeat(range(num_classes), numbers))
        arrays |= {f"{prefix}images": pixels(len(labels), each), f"{prefix}labels": labels}
    key = "images" if splits == ("whole",) else "train_images"
    oddity = draw(st.sampled_from(sorted(NPZ_ODDITIES)))
    NPZ_ODDITIES[oddity](draw, made, arrays, key)
    np.savez(root / "d.npz", allow_pickle=True, **arrays)
    return made


Arrays = dict[str, np.ndarray]


def _images_as(draw: st.DrawFn, made: Made, arrays: Arrays, key: str) -> None:
    kind = draw(st.sampled_from(["grey", "one channel", "f2", "f4", ">f8", "i8", ">u2", "fortran"]))
    for name in [name for name in arrays if name.endswith("images")]:
        images = arrays[name]
        if kind == "grey":
            arrays[name] = images[..., 0]
        elif kind == "one channel":
            arrays[name] = images[..., :1]
        elif kind == "fortran":
            arrays[name] = np.asfortranarray(images)
        elif "f" in kind:
            arrays[name] = (images / (255 if draw(st.booleans()) else 1)).astype(kind)
        else:
            arrays[name] = images.astype(kind)
    # Some float images in 0..1 and others in 0..255 are refused.
    made.answer = "either" if "f" in kind and kind != "fortran" else "counted"


def _labels_as(draw: st.DrawFn, made: Made, arrays: Arrays, key: str) -> None:
    kind = draw(st.sampled_from(["column", "i1", "u8", "f4", "U", "S", "O", ">i4", "bool"]))
    for name in [name for name in arrays if name.endswith("labels")]:
        labels = arrays[name]
        arrays[name] = labels[:, None] if kind == "column" else labels.astype(kind)
    several = len(next(iter(made.counts.values()))) > 2
    made.answer = "either" if kind == "O" or (kind == "bool" and several) else "counted"


def _codes(draw: st.DrawFn, made: Made, arrays: Arrays, key: str) -> None:
    """SNOMED's codes, as numbers."""
    step = draw(st.sampled_from([254837009, 2**40, -3]))
    for name in [name for name in arrays if name.endswith("labels")]:
        arrays[name] = arrays[name] * step
    if step > 0:
        made.counts = {
            split: {str(int(label) * step): num for label, num in of.items()}
            for split, of in made.counts.items()
        }
    else:
        made.answer = "either"


def _class_names(draw: st.DrawFn, made: Made, arrays: Arrays, key: str) -> None:
    num = len(next(iter(made.counts.values())))
    names = draw(st.lists(st.sampled_from(["良性", "b", "", "\n", "<5mm", "b"]), max_size=5))
    made.source["class_names"] = names
    made.answer = "either"
    if len(set(names)) == len(names) == num and "\n" not in names:
        made.counts = {
            s: dict(zip(names, of.values(), strict=True)) for s, of in made.counts.items()
        }
        made.answer = "counted" if "" not in names else "either"


def _more_arrays(draw: st.DrawFn, made: Made, arrays: Arrays, key: str) -> None:
    arrays["other"] = np.array([draw(st.sampled_from(["a", 1.0, None]))])


def _patients(draw: st.DrawFn, made: Made, arrays: Arrays, key: str) -> None:
    kind = draw(st.sampled_from(["U", "i8", "f4", "S", "O", "M8[s]", "V4", "bool", "c8"]))
    numbers = np.arange(len(arrays[key])) // draw(st.integers(1, 4))
    with np.errstate(all="ignore"):
        arrays[key.replace("images", "patients")] = numbers.astype(kind)
    made.answer = "either"


def _other_array(draw: st.DrawFn, made: Made, arrays: Arrays, key: str) -> None:
    n = len(arrays[key])
    wrong = {
        "none": None,
        "scalar": np.array(1),
        "empty": np.empty(0),
        "complex": np.zeros((n, 4, 4, 3), complex),
        "bool": np.zeros((n, 4, 4), bool),
        "no pixels": np.zeros((n, 0, 4), np.uint8),
        "four channels": np.zeros((n, 4, 4, 4), np.uint8),
        "negative": np.full((n, 4, 4), -1),
        "nan": np.full((n, 4, 4), np.nan),
        "large": np.full((n, 4, 4), 1e300),
        "text": np.array(["x"] * n),
        "objects": np.array([None] * n),
        "records": np.zeros(n, [("a", "i4")]),
        "half": np.repeat(np.arange(2) * 0.5, n)[:n],
        "2^64 - 1": np.full(n, 2**64 - 1, np.uint64),
        "too few": arrays[key][:-1],
    }
    array = wrong[draw(st.sampled_from(sorted(wrong)))]
    name = key.replace("images", draw(st.sampled_from(["images", "labels", "patients"])))
    arrays.pop(name, None)
    if array is not None:
        arrays[name] = array
    made.answer = "either"


NPZ_ODDITIES: dict[str, Callable[[st.DrawFn, Made, Arrays, str], None]] = {
    "images of another type": _images_as,
    "labels of another type": _labels_as,
    "codes": _codes,
    "class names": _class_names,
    "more arrays": _more_arrays,
    "patients": _patients,
    "another array": _other_array,
}

# Parquet ---------------------------------------------------------------------------------------

LABELS: dict[str, Callable[[list[int]], Any]] = {
    **{kind: lambda rows, kind=kind: pa.array(rows).cast(kind) for kind in ("int8", "uint64")},
    **{kind: lambda rows, kind=kind: pa.array(rows).cast(kind) for kind in ("float", "double")},
    "text": lambda rows: [str(row) for row in rows],
    "large text": lambda rows: pa.array(map(str, rows), pa.large_string()),
    "text view": lambda rows: pa.array(map(str, rows), pa.string_view()),
    "dictionary": lambda rows: pa.array(map(str, rows)).dictionary_encode(),
    "numbers in a dictionary": lambda rows: pa.array(rows).dictionary_encode(),
    "decimal": lambda rows: pa.array(rows).cast(pa.decimal128(20, 0)),
}
WRONG_LABELS: dict[str, Callable[[list[int]], Any]] = {
    "lists": lambda rows: [[row] for row in rows],
    "one-hot": lambda rows: [[int(row == label) for label in range(4)] for row in rows],
    "nothing": lambda rows: [None] * len(rows),
    "holes": lambda rows: [None, *rows[1:]],
    "nan": lambda rows: [float("nan"), *map(float, rows[1:])],
    "dates": lambda rows: pa.array(rows).cast("timestamp[s]"),
    "bytes": lambda rows: [str(row).encode() for row in rows],
    "structs": lambda rows: [{"a": row} for row in rows],
    "half": lambda rows: [row + 0.5 for row in rows],
    "negative": lambda rows: [-1 - row for row in rows],
}


@st.composite
def parquet_files(draw: st.DrawFn, root: Path) -> Made:
    num_classes, folder = draw(st.integers(2, 4)), root / "data"
    layout = draw(st.sampled_from(["one file", "files", "folders", "split=", "column", "parts"]))
    splits = ("whole",) if layout in ("one file", "parts") else ("train", "val", "test")
    made, tables = Made({"name": "parquet", "path": str(folder)}, {}), {}
    label_kind, in_structs = draw(st.sampled_from(sorted(LABELS))), draw(st.booleans())
    for split in splits:
        each = 5 * MIN_VAL if split in ("whole", "train") else MIN_VAL
        numbers = [draw(st.integers(each, each + 4)) for _ in range(num_classes)]
        made.counts[split] = {str(label): num for label, num in enumerate(numbers)}
        labels = np.repeat(range(num_classes), numbers).tolist()
        images = [encoded(rgb) for rgb in pixels(len(labels), each)]
        cells = [{"bytes": b, "path": "a.png"} for b in images] if in_structs else images
        tables[split] = {"image": cells, "label": LABELS[label_kind](labels)}
    oddity = draw(st.sampled_from([*sorted(PARQUET_ODDITIES), *["nothing"] * 5]))
    PARQUET_ODDITIES[oddity](draw, made, tables, splits[0])
    metadata = _metadata(draw) if oddity == "metadata" else None
    if metadata is not None:
        made.answer = "either"
    _write(draw, layout, folder, tables, metadata)
    if oddity == "a damaged file":
        made.answer = "either"
        file = sorted(folder.rglob("*.parquet"))[0]
        content = file.read_bytes()
        at = draw(st.integers(0, len(content) - 1))
        file.write_bytes(content[:at] + draw(st.binary(max_size=9)) + content[at + 9 :])
    return made


def _write(
    draw: st.DrawFn, layout: str, folder: Path, tables: dict[str, dict], metadata: dict | None
) -> None:
    called = {"val": draw(st.sampled_from(["val", "validation", "dev", "Valid"]))}
    built = {
        split: (
            pa.Table.from_arrays([pa.array(v) for v in of.values()], [k.strip() for k in of])
        ).replace_schema_metadata(metadata)
        for split, of in tables.items()
    }
    group = draw(st.integers(1, 40))

    def write(table: pa.Table, name: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / name, row_group_size=group)

    if layout == "column":
        with_split = [
            table.append_column("split", pa.array([called.get(split, split)] * len(table)))
            for split, table in built.items()
        ]
        try:
            write(pa.concat_tables(with_split, promote_options="permissive"), "all.parquet")
        except pa.ArrowException:  # an oddity in one split alone has no place in one table
            reject()
        return
    for split, table in built.items():
        word = called.get(split, split)
        if layout == "parts":
            for number in range(3):
                step = -(-len(table) // 3)
                write(table.slice(number * step, step), f"ü {number}.parquet")
        else:
            names = {"files": f"x-{word}-0 of 1.parquet", "folders": f"{word}/0000.parquet"}
            names |= {"split=": f"split={word}/a.parquet", "one file": "d.parquet"}
            write(table, names[layout])


Tables = dict[str, dict[str, Any]]


def _nothing(draw: st.DrawFn, made: Made, tables: Tables, split: str) -> None:
    pass


def _wrong_labels(draw: st.DrawFn, made: Made, tables: Tables, split: str) -> None:
    kind = WRONG_LABELS[draw(st.sampled_from(sorted(WRONG_LABELS)))]
    for of in tables.values():
        of["label"] = kind([int(float(str(v))) for v in pa.array(of["label"]).to_pylist()])
    made.answer = "either"


def _odd_images(draw: st.DrawFn, made: Made, tables: Tables, split: str) -> None:
    num = len(tables[split]["image"])
    images = {
        "nothing": [None] * num,
        "paths": [{"bytes": None, "path": "a.png"}] * num,
        "text": ["a.png"] * num,
        "numbers": [1] * num,
        "lists": [[1, 2]] * num,
        "no image": [b"x"] * num,
    }
    tables[split]["image"] = images[draw(st.sampled_from(sorted(images)))]
    made.answer = "either"


def _more_columns(draw: st.DrawFn, made: Made, tables: Tables, split: str) -> None:
    # A name with a blank is that without it: Parquet takes a name twice, a dict does not.
    names = ("patient", "slide_id", "subset", "", "set", "label ", "image ", "üñ", "phase")
    name = draw(st.sampled_from(names))
    values = draw(st.sampled_from(["x", 1, None, 0.5, "train", b"y"]))
    for of in tables.values():
        of[name] = [values] * len(of["image"])
    made.source |= draw(st.sampled_from([{}, {"patient_column": name.strip()}]))
    made.answer = "either" if made.source.get("patient_column") or name.endswith(" ") else "counted"
    if values == "train":
        made.answer = "either"


def _settings(draw: st.DrawFn, made: Made, tables: Tables, split: str) -> None:
    made.source |= draw(
        st.sampled_from(
            [
                {"image_column": "label"},
                {"label_column": "image"},
                {"image_column": ""},
                {"label_column": "nö"},
                {"patient_column": "label"},
                {"class_names": ["a", "a"]},
                {"class_names": ["良性", ""]},
                {"class_names": []},
                {"class_names": ["a"] * 99},
                {"path": made.source["path"] + "/**"},
                {"path": made.source["path"] + "/[", "class_names": None},
            ]
        )
    )
    made.answer = "either"


def _metadata(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.sampled_from([5, None, {}, ["a"], ["a", "a", "b"], "ab", [1, None, "c", 2]]))
    info = {"info": {"features": {"label": {"names": names}}}}
    text = draw(st.sampled_from([json.dumps(info), "[]", "{", '"x"', "null", "\udc00"[:0], "1"]))
    return {"huggingface": text}


PARQUET_ODDITIES: dict[str, Callable[[st.DrawFn, Made, Tables, str], None]] = {
    "nothing": _nothing,
    "metadata": _nothing,
    "a damaged file": _nothing,
    "wrong labels": _wrong_labels,
    "odd images": _odd_images,
    "more columns": _more_columns,
    "settings": _settings,
}
