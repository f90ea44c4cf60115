"""A `CopyAudit` as arrays by name, and back."""

from dataclasses import fields, is_dataclass

import numpy as np

from rlsel.machine.cache.kept import Arrays
from rlsel.quality.copies import CopyAudit, Nearness, SpaceAudit


def to_arrays(audit: CopyAudit) -> Arrays:
    """Arrays by path, such as `content.candidates.nearest`; fields that are None are left out."""
    return _flat(audit, "") | {"content_name": np.array(audit.content_name)}


def from_arrays(arrays: Arrays) -> CopyAudit:
    """The inverse of `to_arrays`.

    Raises:
        KeyError: an array is missing.
    """

    def space(name: str) -> SpaceAudit:
        candidates, held_out = (
            Nearness(**_below(arrays, f"{name}.{half}")) for half in ("candidates", "held_out")
        )
        found = _below(arrays, name)
        return SpaceAudit(candidates=candidates, held_out=held_out, **found)

    has_features = any(name.startswith("features.") for name in arrays)
    found = _below(arrays, "")
    return CopyAudit(
        found["labels"],
        found["held_out_labels"],
        content=space("content"),
        features=space("features") if has_features else None,
        content_name=str(found["content_name"]),
    )


def _flat(value: object, prefix: str) -> dict[str, np.ndarray]:
    found = {}
    for field in fields(value):  # pyright: ignore[reportArgumentType]
        inner = getattr(value, field.name)
        if is_dataclass(inner):
            found |= _flat(inner, f"{prefix}{field.name}.")
        elif inner is not None:
            found[f"{prefix}{field.name}"] = inner
    return found


def _below(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    """The arrays directly below a prefix, by the rest of their names."""
    start = f"{prefix}." if prefix else ""
    names = {name.removeprefix(start): name for name in arrays if name.startswith(start)}
    return {short: arrays[name] for short, name in names.items() if "." not in short}
