"""The schema metadata by which Hugging Face datasets know an image column and class names."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

KEY = b"huggingface"


def class_names_in(schema: pa.Schema, label_column: str) -> tuple[str, ...] | None:
    """The class names of a label column, or None where the file does not say."""
    try:
        features = json.loads((schema.metadata or {})[KEY])["info"]["features"]
        names = features[label_column]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(map(str, names)) or None if isinstance(names, list) else None


def image_metadata(
    class_names: Sequence[str], others: Mapping[str, str]
) -> dict[bytes | str, bytes | str]:
    """Metadata for columns `image` and `label`, and `others` as {column: Arrow type}."""
    features: dict[str, object] = {
        "image": {"_type": "Image"},
        "label": {"names": list(class_names), "_type": "ClassLabel"},
    }
    features |= {name: {"dtype": dtype, "_type": "Value"} for name, dtype in others.items()}
    return {KEY: json.dumps({"info": {"features": features}})}
