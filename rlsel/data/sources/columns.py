"""Find the columns of images and of labels in a Parquet file by type, name and content."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rlsel.data.sources.hugging_face import KEY
from rlsel.data.sources.parquet import is_plain, open_parquet, readable
from rlsel.data.sources.parquet_splits import split_column
from rlsel.errors import InputError
from rlsel.machine.wording import first_few

IMAGE_NAMES = ("image", "img", "images", "patch", "tile", "picture", "photo", "pixels", "png")
LABEL_NAMES = (
    *("label", "labels", "class", "class_label", "class_name", "category", "target"),
    *("diagnosis", "dx", "tumor", "tumour", "cancer", "malignant", "finding", "outcome", "grade"),
)
NO_LABEL = re.compile(
    r"(.*[_ .-])?(id|uid|path|file|filename|name|source|seed|model|index|idx|row|"
    r"date|time|age|sex|gender|site|hospital|scanner)|"
    r"(patient|subject|case|participant|person|donor|slide|wsi)s?([_ .-]?(id|nr|no|number|name))?"
)
"""Names of columns that give the patient or place of an image, not its class."""
MOST_CLASSES = 100
"""A column with more distinct values is not taken for the classes."""


def image_column(file: Path) -> str | None:
    """The column of encoded images; None if there is none.

    Raises:
        InputError: several columns qualify.
    """
    schema = open_parquet(file).schema_arrow
    found = [field.name for field in schema if _holds_bytes(field.type)]
    said = [name for name in found if _kind_of(schema, name) == "Image"]
    if not found:
        return None
    best = _one_of(said or found, IMAGE_NAMES)
    if best is None:
        raise InputError(
            f"{file}: the columns {first_few(found)} may all be the images; write the config by "
            "hand and set data.source.image_column"
        )
    return best


def label_column(file: Path, asked: str | None = None) -> str:
    """The column of the classes.

    Args:
        asked: The name that the user gave, if any.

    Raises:
        InputError: no column qualifies, or several do.
    """
    schema = open_parquet(file).schema_arrow
    if asked is not None:
        if asked not in schema.names:
            columns = ", ".join(schema.names)
            raise InputError(f"{file}: has no column {asked!r}; the columns are {columns}")
        return asked
    plain = [field.name for field in schema if is_plain(field.type)]
    said = [name for name in plain if _kind_of(schema, name) == "ClassLabel"]
    best = _one_of(said, LABEL_NAMES) or _called(plain, LABEL_NAMES)
    return best or _by_content(file, plain)


def _by_content(file: Path, plain: list[str]) -> str:
    """The one column with few distinct values whose name is not one of a patient or place."""
    parquet = open_parquet(file)
    schema = parquet.schema_arrow
    others = [name for name in plain if not NO_LABEL.fullmatch(name.casefold())]
    others = [name for name in others if name != split_column(schema)]
    with readable(file):
        table = parquet.read(columns=others)
    likely = [name for name in others if 2 <= len(pc.unique(table[name])) <= MOST_CLASSES]
    if len(likely) == 1:
        return likely[0]
    if likely:
        raise InputError(
            f"{file}: the columns {first_few(likely)} may all be the classes; say which, as in "
            f"--label-column {likely[0]}"
        )
    raise InputError(
        f"{file}: no column tells the class of an image, one number or name for each; the columns "
        f"are {', '.join(schema.names)} (if one of these does, say --label-column)"
    )


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _kind_of(schema: pa.Schema, name: str) -> Any:
    """The type of a column in Hugging Face's metadata: Image, ClassLabel, Value."""
    try:
        return json.loads((schema.metadata or {})[KEY])["info"]["features"][name]["_type"]
    except (KeyError, TypeError, ValueError):
        return None


def _one_of(found: list[str], names: tuple[str, ...]) -> str | None:
    return found[0] if len(found) == 1 else _called(found, names)


def _called(found: list[str], names: tuple[str, ...]) -> str | None:
    plain = {column.casefold(): column for column in reversed(found)}
    return next((plain[name] for name in names if name in plain), None)
