"""Configs for the fuzz: a good one in which a setting, or a piece of the text, is another."""

import math
from typing import Any

import yaml
from hypothesis import strategies as st

from rlsel.experiment.config import build_experiment, to_dict

GOOD = (
    "data:\n  source: {name: npz, path: d.npz}\n  ratios: {train: 0.5, val: 0.3, test: 0.2}\n"
    "generator: {name: histogan, num_per_class: 8}\ncontroller: {name: mlp}\n"
)
COUNTS = {"0": 20, "1": 21}
"""Of the images in d.npz."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 0.5, 1.5, -0.0, 1e308, 1e-308, math.inf, math.nan),
    *(10**12, 2**63, 10**30, "", " ", "x", "1", "1e-3", "良性", "\0", "\x85", "a" * 300, "none"),
    *("../..", "~", "$X", "${", "*", [], [1], ["x"], [[]], [None], [0, 0], {}, {"name": "x"}),
    *({"name": None}, {1: 2}, {None: 1}, {"": ""}, [{}], [{"name": "x"}], "[b]", "\ud800"),
)
LIKELY = st.integers(1, 9) | st.floats(0, 1) | st.booleans()
TEXTS = (
    *("2020-01-01", "2020-01-01 10:00:00", "!!binary aGk=", "!!set {a, b}", "!!python/none x"),
    *("!x y", "&a [*a]", "&a {b: *a}", "*a", "{2020-01-01: 1}", "{1.5: 1}", "{true: 1}", "? [a]"),
    *("0x1F", "0o17", "017", "1_000", "1:30", ".inf", "-.nan", "~", "|\n  x", "{? {a: b} : c}"),
    *('"\\ud800"', '"\\0"', "{<<: {a: 1}}", "<<", "=", "@", "`", "%", "!!float x", "!!int x", "é"),
    *("!!timestamp x", "!!omap [a: 1]", "!!pairs [a: 1]", "[" * 3000, "{a: " * 400, "- " * 500),
)
"""Values as YAML may write them; some are no YAML."""


def _keys(content: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = [
        key
        for name, value in content.items()
        for key in [(*prefix, name), *(_keys(value, (*prefix, name)) if _is(value) else ())]
    ]
    return [*dict.fromkeys(below)]


def _is(value: Any) -> bool:
    return isinstance(value, dict)


SETTINGS = to_dict(build_experiment({"name": "good", **yaml.safe_load(GOOD)}, "the fuzz"))
del SETTINGS["pool"]  # there is a generator
KEYS = [
    *_keys(SETTINGS),
    *(
        ("preset",),
        ("unknown",),
        ("pool",),
        ("data", "source", "class_names"),
        ("generator", "unknown"),
    ),
    *(
        ("selection", "keep_range"),
        ("selection", "methods"),
        ("reward", "final_fidelity"),
        ("folder",),
    ),
    *(("classifier", "weights"), ("audit", "weights"), ("algorithm", "credit"), ("1",), ("",)),
]


@st.composite
def config_texts(draw: st.DrawFn) -> bytes:
    """A config in a file beside d.npz."""
    kind = draw(st.sampled_from(["an odd value", "likely values", "a text", "characters", "bytes"]))
    if kind in ("an odd value", "likely values"):
        content = yaml.safe_load(GOOD)
        for _ in range(draw(st.integers(1, 2))):
            value = draw(LIKELY if kind == "likely values" else st.sampled_from(VALUES))
            _set(content, draw(st.sampled_from(KEYS)), value)
        # Surrogates are no UTF-8, but YAML may write them as escapes.
        return yaml.safe_dump(content).encode("utf-8", "backslashreplace")
    if kind == "a text":
        *blocks, last = draw(st.sampled_from(KEYS))
        opened = "".join(f"{block}: {{" for block in blocks)
        return f"{GOOD}{opened}{last}: {draw(st.sampled_from(TEXTS))}{'}' * len(blocks)}\n".encode()
    at = draw(st.integers(0, len(GOOD)))
    if kind == "characters":
        return (GOOD[:at] + draw(st.text(max_size=4)) + GOOD[at:]).encode()
    return GOOD[:at].encode() + draw(st.binary(max_size=4)) + GOOD[at:].encode()


def _set(content: dict[str, Any], key: tuple[str, ...], value: Any) -> None:
    *blocks, last = key
    for block in blocks:
        inner = content.get(block)
        content = content.setdefault(block, {}) if _is(inner) or inner is None else {}
        if inner is None and not _is(content):
            return
    content[last] = value
