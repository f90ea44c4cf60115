"""The allowed values of a key in words, from the type in a JSON schema."""

import json
from typing import Any

BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


def type_in_words(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    """integer >= 1; number in [0, 1); one of probe, full; list of text; or null: ...

    Args:
        node: A schema made by pydantic.
        definitions: The schemas to which its references point.
    """
    if "$ref" in node:
        return type_in_words(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in node:
        inner = [type_in_words(one, definitions) for one in node["anyOf"]]
        return ", or ".join(inner)
    if "const" in node:
        return _written(node["const"])
    if "enum" in node:
        return "one of " + ", ".join(map(_written, node["enum"]))
    if "allOf" in node:
        return "a block of one of several kinds"
    return _WORDS[node["type"]](node, definitions)


def without_null(node: dict[str, Any]) -> dict[str, Any]:
    """The alternative to null, if null is allowed; else the node itself."""
    others = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    return others[0] if len(others) == 1 else node


def value_in_yaml(value: Any) -> str:
    """A value as one line of YAML."""
    if isinstance(value, list):
        return "[" + ", ".join(map(value_in_yaml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {value_in_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return value if value and value.replace("_", "").isalnum() else json.dumps(value)
    return json.dumps(value)


def _written(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)


def _number(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    low, above, high, below = (node.get(name) for name in BOUNDS)
    least, greatest = (above if low is None else low), (below if high is None else high)
    words = node["type"]
    if least is not None and greatest is not None:
        opened, closed = "(" if low is None else "[", ")" if high is None else "]"
        words += f" in {opened}{least:g}, {greatest:g}{closed}"
    elif least is not None:
        words += f" {'>' if low is None else '>='} {least:g}"
    elif greatest is not None:
        words += f" {'<' if high is None else '<='} {greatest:g}"
    step = node.get("multipleOf")
    return words if step is None else f"{words}, a multiple of {step:g}"


def _list(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "prefixItems" in node:
        inner = [type_in_words(one, definitions) for one in node["prefixItems"]]
        if len(set(inner)) == 1:
            return f"list of {len(inner)}, each {inner[0]}"
        return f"list of {len(inner)}: {'; '.join(inner)}"
    inner = type_in_words(node["items"], definitions)
    least = f", {node['minItems']} or more" if node.get("minItems") else ""
    if inner.startswith("one of "):
        return f"list out of {inner.removeprefix('one of ')}{least and f' ({least[2:]})'}"
    return f"list, each {inner}{least}"


def _block(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    named = node.get("additionalProperties")
    if not isinstance(named, dict):
        return "a block"
    return f"block of any names, each {type_in_words(named, definitions)}"


_WORDS = {
    "integer": _number,
    "number": _number,
    "array": _list,
    "object": _block,
    "boolean": lambda node, definitions: "true or false",
    "null": lambda node, definitions: "null",
    "string": lambda node, definitions: "path" if node.get("format") == "path" else "text",
}
