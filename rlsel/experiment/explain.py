"""Errors of pydantic in settings as one line that names the allowed values."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from rlsel.schema import configs_in, names_of, union_in


def explain(error: ValidationError, root: type) -> str:
    """One line for the first error: its place, the value there, and the allowed values.

    Args:
        root: The Config that should have been built.
    """
    first: Mapping[str, Any] = error.errors()[0]
    where, owner = _locate(first["loc"], root)
    return _MESSAGES.get(first["type"], _as_pydantic_says)(first, where, owner)


def _unknown_key(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    known = [field.name for field in fields(owner)] if owner else []
    close = get_close_matches(where[-1], known, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"unknown key {'.'.join(where)}{hint}; known are {', '.join(sorted(known))}"


def _unknown_kind(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    context = error.get("ctx", {})
    known = str(context.get("expected_tags", "")).replace("'", "")
    return f"{'.'.join(where)}.name is {context.get('tag')!r}; known are {known}"


def _no_kind(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    return f"{'.'.join(where)} lacks `name`, which says what kind it is"


def _missing(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    if where[-1].isdigit():
        return f"{'.'.join(where[:-1])} is too short: give at least {int(where[-1]) + 1} values"
    return f"{'.'.join(where)} is missing: {_documentation(owner, where[-1])}"


def _too_short(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    return f"{'.'.join(where)} is {error['input']!r}; give at least {error['ctx']['min_length']}"


def _no_block(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    return _of_another_shape(error, where, "a block of settings", "{{name: {}}}")


def _no_list(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    return _of_another_shape(error, where, "a list", "[{}]")


def _of_another_shape(error: Mapping[str, Any], where: list[str], shape: str, example: str) -> str:
    given = error["input"]
    shown = f", as in {example.format(given)}" if isinstance(given, str) else ""
    return f"{'.'.join(where)} is {given!r}; it must be {shape}{shown}"


def _refused(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    message = error["msg"].removeprefix("Value error, ")
    return f"{'.'.join(where)}: {message}" if where else message


def _as_pydantic_says(error: Mapping[str, Any], where: list[str], owner: Any) -> str:
    message = error["msg"].replace("Input should be", "it must be")
    return f"{'.'.join(where)} is {error['input']!r}; {message}"


_MESSAGES: dict[str, Callable[[Mapping[str, Any], list[str], Any], str]] = {
    "unexpected_keyword_argument": _unknown_key,
    "extra_forbidden": _unknown_key,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _no_kind,
    "missing": _missing,
    "too_short": _too_short,
    "dict_type": _no_block,
    "dataclass_type": _no_block,
    "tuple_type": _no_list,
    "value_error": _refused,
}


def _locate(location: tuple[int | str, ...], root: type) -> tuple[list[str], Any]:
    """The keys of a pydantic location without the tags of unions, and the Config it belongs to."""
    where: list[str] = []
    owner: Any = root
    for i, part in enumerate(location):
        if isinstance(owner, tuple):  # a union: this part is the name of the kind
            owner = next((c for c in owner if part in names_of(c)), None)
            continue
        where.append(str(part))
        if i + 1 < len(location) and owner is not None:
            owner = _type_of(owner, str(part))
    return where, owner


def _type_of(owner: Any, name: str) -> Any:
    """The Config that a field holds; a tuple of them where it is one of several; else None.

    The next part of a location tells which of them. So it does of a value of one of several types,
    for which the tuple is empty.
    """
    annotation = next((f.type for f in fields(owner) if f.name == name), None)
    if is_dataclass(annotation):
        return annotation
    found, others = configs_in(annotation), {*get_args(annotation)} - {type(None)}
    may_be_none = len(others) < len(get_args(annotation))
    if len(found) == 1 and may_be_none and union_in(annotation) is None:
        return found[0]
    is_union = get_origin(annotation) in (Union, UnionType) and len(others) > 1
    return found if found or is_union else None


def _documentation(owner: Any, name: str) -> str:
    if owner is None:
        return "give it"
    described = getattr(owner, "__pydantic_fields__", {})[name].description
    return (described or "give it").split("\n")[0].split(". ")[0].rstrip(".")
