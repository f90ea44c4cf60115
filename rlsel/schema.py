"""`@config`: the frozen, strict dataclass that every stage's Config is made with.

A Config is validated where it is made, from YAML or from Python: unknown keys, wrong types and
values out of range are refused. The docstring under each field is its documentation.
"""

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

T = TypeVar("T")

STRICT = ConfigDict(
    extra="forbid",
    strict=True,
    use_attribute_docstrings=True,
    validate_default=True,
    allow_inf_nan=False,
)


@overload
def config(cls: type[T]) -> type[T]: ...
@overload
def config() -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def config(cls: type | None = None) -> Any:
    """Make `cls` a frozen dataclass, keyword only, whose fields are checked on construction."""
    wrap = pydantic_dataclass(frozen=True, kw_only=True, config=STRICT)
    return wrap if cls is None else wrap(cls)
