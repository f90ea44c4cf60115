"""`@config`: the frozen, strict dataclass that every stage's Config is made with.

A Config is validated where it is made, from YAML or from Python: unknown keys, wrong types and
values out of range are refused. The docstring under each field is its documentation. `OneOf` and
`HoldsPath` mark the type of a field, `Annotated[..., OneOf(...)]`, for what a type cannot say.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, overload

from pydantic import ConfigDict, Field, GetCoreSchemaHandler
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import CoreSchema, core_schema

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


@dataclass(frozen=True)
class OneOf:
    """Marks a block of one of several kinds. Its `name` says which settings it has.

    The kinds are asked for when a Config is built, so a registry is the only list of them, even
    where it has one kind. What is annotated is then for type checkers alone.
    """

    classes: Callable[[], Iterable[type]]
    """The Configs of all kinds; the `name` of each is a Literal with its default."""
    default: str | None = None
    """The kind of a block without a name; None where a block has to have one."""

    @property
    def kinds(self) -> dict[str, type]:
        """The Config of each name; a Config may answer to several names."""
        return {name: cls for cls in self.classes() for name in names_of(cls)}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        choices = {name: handler.generate_schema(cls) for name, cls in self.kinds.items()}
        return core_schema.tagged_union_schema(
            choices, discriminator="name" if self.default is None else self._kind_of
        )

    def _kind_of(self, block: Any) -> Any:
        """As it was given: whether there is such a kind is for pydantic to say."""
        if isinstance(block, dict):
            return block.get("name", self.default)
        return getattr(block, "name", self.default)


@dataclass(frozen=True)
class HoldsPath:
    """Marks text that holds a path: where it is relative, it begins at the folder of the config."""

    form: str = "(.*)"
    """A regular expression. Its one group is the path in a text that matches it as a whole, and
    any other text holds none."""


PathText = Annotated[str, HoldsPath()]
"""A path as people write it: with `~`, `$VARIABLES`, or as a glob."""


def names_of(cls: type) -> tuple[str, ...]:
    """The names that a Config of one kind answers to."""
    name = getattr(cls, "__pydantic_fields__", {}).get("name")
    return () if name is None else get_args(name.annotation)


def parts_of(annotation: Any) -> Iterator[Any]:
    """The types and marks that an annotation is put together from, and no generic around them."""
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for part in inner:
        yield from parts_of(part)


def union_in(annotation: Any) -> OneOf | None:
    """The mark of a block of one of several kinds; None where it is no such block."""
    return next((part for part in parts_of(annotation) if isinstance(part, OneOf)), None)


def configs_in(annotation: Any) -> tuple[type, ...]:
    """The Configs that a setting may hold: those of all kinds, where its block has several."""
    if (union := union_in(annotation)) is not None:
        return tuple(union.classes())
    return tuple(
        part for part in parts_of(annotation) if isinstance(part, type) and is_dataclass(part)
    )


def path_in(text: str, annotation: Any) -> tuple[int, int] | None:
    """Where in a text its path begins and ends, by the type of its setting; None where none is."""
    for part in parts_of(annotation):
        if part is Path:
            return 0, len(text)
        if isinstance(part, HoldsPath):
            found = re.fullmatch(part.form, text, re.DOTALL)
            return found.span(1) if found else None
    return None


def paths_of(block: Any) -> dict[str, str]:
    """The texts of a Config that hold a path, by setting."""
    texts = {
        field.name: (value, field.type)
        for field in fields(block)
        if isinstance(value := getattr(block, field.name), str)
    }
    return {name: text for name, (text, kind) in texts.items() if path_in(text, kind)}
