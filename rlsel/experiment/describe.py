"""Every setting of a config with its type in words, its default and its meaning, by dotted key.

Read from `rlsel.schema.json`, which is made from the Configs and their docstrings: so no stage is
imported, and `rlsel config` and completion answer at once.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

from rlsel.errors import InputError
from rlsel.experiment.gone import GONE, SINCE
from rlsel.experiment.presets import PRESETS
from rlsel.experiment.type_words import type_in_words, value_in_yaml, without_null

SCHEMA = Path(__file__).with_name("rlsel.schema.json")
END = re.compile(r"(?<!\bal)(?<!\be\.g)(?<!\bi\.e)\.(?=\s|$)")
"""Where a sentence may end: not after "et al"."""
MOST_NAMED = 3
ALIKE = 0.8
"""How much of two keys must be the same for one to be a slip of the other."""
NEARLY_AS_ALIKE = 0.03


@dataclass(frozen=True)
class Setting:
    """One key of a config: a value, a block of settings, or a block of one of several kinds."""

    key: str
    """Dotted, as `rlsel config` takes it; with the kind, where its block has several."""
    written: tuple[str, ...]
    """The keys by which YAML has it, from the top."""
    type: str
    """In words."""
    default: str | None = None
    """As YAML has it. None of a block, of what has to be given and of what follows from others."""
    required: bool = False
    """Whether it has to be given, where its block is."""
    meaning: str = ""
    """The docstring, in one line; that of the class where a field has none."""
    presets: Mapping[str, str] = field(default_factory=dict)
    """Name of a preset -> what that sets it to."""
    below: "tuple[Setting, ...]" = ()
    """The settings of a block."""
    kinds: "tuple[Setting, ...]" = ()
    """The kinds of a block that may be of several, in the place of `below`."""
    usual_kind: str = ""
    """The kind of a block without a name; empty where it has to have one."""
    about: str = ""
    """Of a block: what its class says of it."""

    @property
    def is_block(self) -> bool:
        return bool(self.below or self.kinds)

    @property
    def first_sentence(self) -> str:
        """The meaning up to the first full stop that is in no brackets."""
        for end in END.finditer(self.meaning):
            sentence = self.meaning[: end.end()]
            if sentence.count("(") == sentence.count(")"):
                return sentence
        return self.meaning

    @property
    def default_in_words(self) -> str:
        """What holds where it is left out."""
        if self.required:
            return "has to be given"
        if self.default is None:
            return "that of its settings" if self.is_block else "follows from other settings"
        return self.default

    def walk(self) -> "Iterator[Setting]":
        """It itself and all that is below it."""
        yield self
        for one in (*self.kinds, *self.below):
            yield from one.walk()


@cache
def settings(text: str | None = None) -> tuple[Setting, ...]:
    """The settings at the top of a config, with all that is below them.

    Args:
        text: The schema; None reads the file.
    """
    schema = json.loads(SCHEMA.read_text(encoding="utf-8") if text is None else text)
    return _Reader(schema["$defs"]).below(schema, _Place((), (), PRESETS))


def every_setting() -> Iterator[Setting]:
    """All of them, each block before what is in it."""
    return (one for top in settings() for one in top.walk())


def find_settings(key: str) -> list[Setting]:
    """What a dotted key may stand for: `reward.metric`, `data.source.folder.path`, or as YAML has
    it, `data.source.path`, which several kinds have.

    Raises:
        InputError: nothing; names what is nearest, or what holds in the place of a setting that
            earlier versions had.
    """
    if key in GONE:
        raise InputError(f"{key} is gone since {SINCE}: {GONE[key]}")
    known = [*every_setting()]
    exact = [one for one in known if one.key == key]
    found = exact or [one for one in known if ".".join(one.written) == key]
    if not found:
        near = _nearest(key, [name for one in known for name in (one.key, ".".join(one.written))])
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        raise InputError(f"there is no setting {key!r}{hint}; `rlsel config` lists all")
    return found


def _nearest(key: str, known: list[str]) -> list[str]:
    """Keys that end the same; else those that look most alike as a whole, or in their last part."""
    last = key.rpartition(".")[2]
    ending = [name for name in known if name.endswith(f".{last}")]
    by_part = {name: _alike(last, name.rpartition(".")[2]) for name in known}
    whole = {name: _alike(key, name) for name in ending or known}
    scores = whole if ending or max(whole.values()) >= ALIKE else by_part
    best = max(scores.values())
    if not ending and best < ALIKE:
        return []
    near = [name for name, score in scores.items() if ending or score >= best - NEARLY_AS_ALIKE]
    return sorted(dict.fromkeys(near), key=lambda name: -scores[name])[:MOST_NAMED]


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


@dataclass(frozen=True)
class _Place:
    """Where in a config a block is."""

    key: tuple[str, ...]
    written: tuple[str, ...]
    presets: Mapping[str, Any]
    """Name of a preset -> what it has there."""

    def at(self, name: str) -> "_Place":
        """The place of a setting in this block."""
        inside = {
            p: has[name] for p, has in self.presets.items() if isinstance(has, dict) and name in has
        }
        return _Place((*self.key, name), (*self.written, name), inside)

    def of_kind(self, names: list[str]) -> "_Place":
        """The same place, where the block is of a kind that answers to these names."""
        inside = {p: has for p, has in self.presets.items() if has.get("name", names[0]) in names}
        return _Place((*self.key, names[0]), self.written, inside)


@dataclass(frozen=True)
class _Reader:
    """Turns the schema into settings."""

    definitions: dict[str, Any]

    def below(
        self, block: dict[str, Any], place: _Place, defaults: Mapping[str, Any] | None = None
    ) -> tuple[Setting, ...]:
        """The settings of a block, some of whose defaults may be its own."""
        own = defaults or {}
        return tuple(
            self._setting(
                node | ({"default": own[name]} if name in own else {}),
                place.at(name),
                required=name in block.get("required", ()),
            )
            for name, node in block.get("properties", {}).items()
        )

    def _setting(self, node: dict[str, Any], place: _Place, required: bool) -> Setting:
        inner = without_null(node)
        block = self._resolved(inner.get("items", inner))
        kinds = tuple(self._kind(*one, place) for one in _kinds(block))
        default = node.get("default")
        own = default if isinstance(default, dict) and (kinds or "properties" in block) else None
        below = () if kinds else self.below(block, place, own)
        return Setting(
            key=".".join(place.key),
            written=place.written,
            type=type_in_words(node, self.definitions),
            default=_default_in_yaml(node, own, kinds=bool(kinds)),
            required=required,
            meaning=_one_line(node.get("description") or block.get("description", "")),
            presets={
                name: value_in_yaml(value)
                for name, value in place.presets.items()
                if not isinstance(value, dict)
            },
            below=below,
            kinds=kinds,
            usual_kind=_usual_kind(block),
            about=_one_line(block.get("description", "")) if kinds or below else "",
        )

    def _kind(self, names: list[str], node: dict[str, Any], place: _Place) -> Setting:
        block, place = self._resolved(node), place.of_kind(names)
        about = _one_line(block.get("description", ""))
        return Setting(
            key=".".join(place.key),
            written=place.written,
            type="name: " + " or ".join(names),
            meaning=about,
            below=tuple(
                one if one.meaning else replace(one, meaning="Which kind this is.")
                for one in self.below(block, place)
            ),
            about=about,
        )

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        reference = node.get("$ref", "")
        return self.definitions[reference.rpartition("/")[2]] if reference else node


def _default_in_yaml(node: dict[str, Any], own: Any, kinds: bool) -> str | None:
    if kinds and own:
        return str(own.get("name"))
    return value_in_yaml(node["default"]) if "default" in node and own is None else None


def _kinds(block: dict[str, Any]) -> list[tuple[list[str], dict[str, Any]]]:
    """The names and the schema of each kind of a block; a kind may answer to several names."""
    grouped: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for condition in block.get("allOf", ()):
        if "properties" not in condition["if"]:
            continue  # that of a block without a name
        one = condition["then"]
        names, _ = grouped.setdefault(json.dumps(one), ([], one))
        names.append(condition["if"]["properties"]["name"]["const"])
    return [*grouped.values()]


def _usual_kind(block: dict[str, Any]) -> str:
    unnamed = [one["then"] for one in block.get("allOf", ()) if "properties" not in one["if"]]
    return next((names[0] for names, kind in _kinds(block) if kind in unnamed), "")


def _one_line(text: str) -> str:
    return " ".join(text.split())
