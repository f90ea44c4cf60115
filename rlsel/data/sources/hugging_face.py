"""Schema metadata in which Hugging Face datasets record the image column and the class names."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

KEY = b"huggingface"


def class_names_in(schema: pa.Schema, label_column: str) -> tuple[str, ...] | None:
    """The class names of a label column, or None if the file does not give them."""
    try:
        features = json.loads((schema.metadata or {})[KEY])["info"]["features"]
        names = features[label_column]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(map(str, names)) or None if isinstance(names, list) else None


def pool_metadata(
    class_names: Sequence[str], others: Mapping[str, str], width: int | None
) -> dict[bytes | str, bytes | str]:
    """Metadata for the columns of a pool.

    Args:
        others: Columns other than content and `label` -> Arrow type.
        width: Width of an `embedding`; None if the content is an `image`.
    """
    number = {"dtype": "float32", "_type": "Value"}
    vector = {"embedding": {"feature": number, "length": width, "_type": "Sequence"}}
    features: dict[str, object] = {
        **(vector if width is not None else {"image": {"_type": "Image"}}),
        "label": {"names": list(class_names), "_type": "ClassLabel"},
    }
    features |= {name: {"dtype": dtype, "_type": "Value"} for name, dtype in others.items()}
    return {KEY: json.dumps({"info": {"features": features}})}
