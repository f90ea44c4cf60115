"""Every setting of a config with its type in words, its default and its meaning, by dotted key.

The settings are read from `rlsel.schema.json`, which is made from the Configs and their docstrings.
So no stage is imported, and `rlsel config` and completion answer at once.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from rlsel.errors import InputError
from rlsel.experiment.gone import GONE, SINCE
from rlsel.experiment.presets import PRESETS
from rlsel.experiment.type_words import type_in_words, value_in_yaml, without_null

SCHEMA = Path(__file__).with_name("rlsel.schema.json")
END = re.compile(r"(?<!\bal)(?<!\be\.g)(?<!\bi\.e)\.(?=\s|$)")
"""The end of a sentence, which is not after "et al"."""
MOST_NAMED = 3
ALIKE = 0.8
"""Least similarity of two keys for one to count as a misspelling of the other."""
NEARLY_AS_ALIKE = 0.03
WORD = re.compile(r"[a-z]+")
SHORTEST_STEM, STEM = 4, 0.6
"""Letters that the beginnings of two forms of a word share, and their share of the longer one."""


@dataclass(frozen=True)
class Setting:
    """One key of a config: a value, a block of settings, or a block of one of several kinds."""

    key: str
    """The dotted key for `rlsel config`; it includes the kind if its block has several kinds."""
    written: tuple[str, ...]
    """The nested keys in YAML, from the top."""
    type: str
    """The type in words."""
    default: str | None = None
    """The default in YAML. None for a block, for a required setting, and for one whose default
    follows from other settings."""
    required: bool = False
    """Whether it must be given if its block is given."""
    meaning: str = ""
    """The docstring in one line; that of the class if the field has none."""
    presets: Mapping[str, str] = field(default_factory=dict)
    """Name of a preset -> the value that it sets."""
    below: "tuple[Setting, ...]" = ()
    """The settings of a block."""
    kinds: "tuple[Setting, ...]" = ()
    """The kinds of a block that may be of several, in the place of `below`."""
    usual_kind: str = ""
    """The kind of a block without a name; empty where it has to have one."""
    about: str = ""
    """For a block: the docstring of its class."""
    beside: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Depth in `written` -> the settings that a block there needs to be of its kind: its name, and
    what has to be given."""

    @property
    def is_block(self) -> bool:
        return bool(self.below or self.kinds)

    @property
    def first_sentence(self) -> str:
        """The meaning up to the first full stop outside of brackets."""
        for end in END.finditer(self.meaning):
            sentence = self.meaning[: end.end()]
            if sentence.count("(") == sentence.count(")"):
                return sentence
        return self.meaning

    @property
    def default_in_words(self) -> str:
        """The behaviour if the setting is left out."""
        if self.required:
            return "has to be given"
        if self.default is None:
            return "that of its settings" if self.is_block else "follows from other settings"
        return self.default

    def walk(self) -> "Iterator[Setting]":
        """This setting and all settings below it."""
        yield self
        for one in (*self.kinds, *self.below):
            yield from one.walk()


@cache
def settings(text: str | None = None) -> tuple[Setting, ...]:
    """The settings at the top of a config, with all settings below them.

    Args:
        text: The schema; None reads the file.
    """
    schema = json.loads(SCHEMA.read_text(encoding="utf-8") if text is None else text)
    return _Reader(schema["$defs"]).below(schema, _Place((), (), PRESETS))


def every_setting() -> Iterator[Setting]:
    """All settings, each block before its contents."""
    return (one for top in settings() for one in top.walk())


def find_settings(key: str) -> list[Setting]:
    """The settings that a dotted key may mean.

    The key is `reward.metric`, `data.source.folder.path`, or without the kind `data.source.path`,
    which several kinds have.

    Raises:
        InputError: there is no such setting. The message names the nearest keys and those that are
            described in the same words, or the present behaviour in place of a setting of earlier
            versions.
    """
    if key in GONE:
        raise InputError(f"{key} is gone since {SINCE}: {GONE[key]}")
    known = [*every_setting()]
    exact = [one for one in known if one.key == key]
    found = exact or [one for one in known if ".".join(one.written) == key]
    if block := next((one for one in known if one.kinds and f"{one.key}.name" == key), None):
        return [_choice(block)]
    if not found:
        near = _nearest(key, [name for one in known for name in (one.key, ".".join(one.written))])
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        alike = ", ".join(one for one in _described_as(key, known) if one not in near)
        hint += f"; {key.rpartition('.')[2]!r} is in the meaning of {alike}" if alike else ""
        raise InputError(f"there is no setting {key!r}{hint}; `rlsel config` lists all")
    return found


def _choice(block: Setting) -> Setting:
    """The setting `name` of a block of one of several kinds."""
    names = [kind.type.removeprefix("name: ").replace(" or ", ", ") for kind in block.kinds]
    needed = "" if block.usual_kind else f" It has to be given where {block.key} is."
    return Setting(
        key=f"{block.key}.name",
        written=(*block.written, "name"),
        type=f"one of {', '.join(names)}",
        default=block.usual_kind or block.default,
        meaning=f"Which kind it is, on which the other settings of the block depend.{needed}",
        beside=block.beside,
    )


def _described_as(key: str, known: list[Setting]) -> list[str]:
    """Keys whose descriptions have the words of the last part; those of the same block first."""
    block, _, last = key.rpartition(".")
    wanted = WORD.findall(last.lower())
    places: dict[str, tuple[bool, int]] = {}
    for one in known:
        words = WORD.findall(one.meaning.lower())
        first = [next((i for i, word in enumerate(words) if _same(word, w)), None) for w in wanted]
        if one.is_block or not wanted or None in first:
            continue
        outside = bool(block) and not one.key.startswith(f"{block}.")
        places[one.key] = (outside, max(at for at in first if at is not None))
    return sorted(places, key=lambda name: places[name])[:MOST_NAMED]


def _same(one: str, other: str) -> bool:
    """Whether two words are one but for their ends: smoothing and smoothed."""
    stem = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return one == other or (stem >= SHORTEST_STEM and stem >= STEM * max(len(one), len(other)))


def _nearest(key: str, known: list[str]) -> list[str]:
    """Keys with the same last part; else the most similar keys, as a whole or in the last part."""
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
    """The place of a block in a config."""

    key: tuple[str, ...]
    written: tuple[str, ...]
    presets: Mapping[str, Any]
    """Name of a preset -> its settings at this place."""
    beside: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """As in `Setting`."""

    def at(self, name: str) -> "_Place":
        """The place of one of this block's settings."""
        inside = {
            p: has[name] for p, has in self.presets.items() if isinstance(has, dict) and name in has
        }
        return _Place((*self.key, name), (*self.written, name), inside, self.beside)

    def of_kind(self, names: list[str], required: Sequence[str]) -> "_Place":
        """The same place, for a block whose kind has these names and needs these settings."""
        inside = {p: has for p, has in self.presets.items() if has.get("name", names[0]) in names}
        needed = {"name": names[0], **dict.fromkeys(required, "...")}
        beside = {**self.beside, len(self.written): needed}
        return _Place((*self.key, names[0]), self.written, inside, beside)


@dataclass(frozen=True)
class _Reader:
    """Reads settings from the schema."""

    definitions: dict[str, Any]

    def below(
        self, block: dict[str, Any], place: _Place, defaults: Mapping[str, Any] | None = None
    ) -> tuple[Setting, ...]:
        """The settings of a block, which may override defaults of its class."""
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
            beside=place.beside,
        )

    def _kind(self, names: list[str], node: dict[str, Any], place: _Place) -> Setting:
        block = self._resolved(node)
        required = [name for name in block.get("required", ()) if name != "name"]
        # The schema cannot say that such a source needs a path, or train and test in its place.
        required += ["path"] if {"path", "train"} <= block.get("properties", {}).keys() else []
        place = place.of_kind(names, required)
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
            beside=place.beside,
        )

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        reference = node.get("$ref", "")
        return self.definitions[reference.rpartition("/")[2]] if reference else node


def _default_in_yaml(node: dict[str, Any], own: Any, kinds: bool) -> str | None:
    if kinds and own:
        return str(own.get("name"))
    return value_in_yaml(node["default"]) if "default" in node and own is None else None


def _kinds(block: dict[str, Any]) -> list[tuple[list[str], dict[str, Any]]]:
    """The names and the schema of each kind of a block; a kind may have several names."""
    grouped: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for condition in block.get("allOf", ()):
        if "properties" not in condition["if"]:
            continue  # the condition for a block without a name
        one = condition["then"]
        names, _ = grouped.setdefault(json.dumps(one), ([], one))
        names.append(condition["if"]["properties"]["name"]["const"])
    return [*grouped.values()]


def _usual_kind(block: dict[str, Any]) -> str:
    unnamed = [one["then"] for one in block.get("allOf", ()) if "properties" not in one["if"]]
    return next((names[0] for names, kind in _kinds(block) if kind in unnamed), "")


def _one_line(text: str) -> str:
    return " ".join(text.split())
