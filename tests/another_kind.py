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


@contextmanager
def registered(registry: dict[Any, Any], key: Any, value: Any) -> Iterator[None]:
    """Within it the registry has one more entry, and configs may name it."""
    try:
        with (
            patch.dict(registry, {key: value}),
            patch.object(experiment_config, "_experiment", _built_anew()),
        ):
            yield
    finally:
        _built_anew()


def _built_anew() -> TypeAdapter[Experiment]:
    """The Configs with the kinds that the registries have now: an import builds them once."""
    for cls in (DataConfig, Experiment):
        rebuild_dataclass(cls, force=True)
    return TypeAdapter(Experiment)
