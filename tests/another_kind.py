"""Kinds that rlsel does not have, put into its registries for the time of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pydantic import TypeAdapter
from pydantic.dataclasses import rebuild_dataclass

from rlsel.data.config import DataConfig
from rlsel.experiment import config as experiment_config
from rlsel.experiment.config import Experiment

REBUILT = (DataConfig, Experiment)
"""Configs that have a block of one of several kinds, the inner one first."""


@contextmanager
def registered(registry: dict[Any, Any], key: Any, value: Any) -> Iterator[None]:
    """Within it the registry has one more entry, and configs may name it."""
    before = {cls: _of_pydantic(cls) for cls in REBUILT}
    try:
        with patch.dict(registry, {key: value}):
            for cls in REBUILT:
                rebuild_dataclass(cls, force=True)
            with patch.object(experiment_config, "_experiment", TypeAdapter(Experiment)):
                yield
    finally:
        for cls, attributes in before.items():
            for name, one in attributes.items():
                setattr(cls, name, one)


def _of_pydantic(cls: type) -> dict[str, Any]:
    """What a rebuilding replaces; it would lose the docstrings of the fields."""
    return {name: one for name, one in vars(cls).items() if name.startswith("__pydantic")}
