"""The JSON schema of a config, made from the Configs: for editors, and for `describe.py`.

The schema is as strict as `load_experiment`, and so knows every key. Rules on two settings at once,
or on files, are left to `rlsel check`. The file `rlsel.schema.json` beside this one holds the
schema, so that `rlsel config` and completion need not import the stages (`make docs` writes it).
"""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from rlsel.experiment.config import OF_EMBEDDINGS, Experiment
from rlsel.experiment.presets import PRESETS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "rlsel"
"""Title of the schema, by which `rlsel init` knows an older one of rlsel."""
KIND = "name"
"""The setting that gives the kind of a block with several kinds."""
PRESET = {
    "enum": [*PRESETS, None],
    "default": None,
    "description": "Settings that this config is laid over: "
    "`default` is what `rlsel run` does without a config, `paper` the recipe of Ye et al. 2020, "
    "`dvrl` one network over candidates one by one with REINFORCE. None lays it over the defaults.",
}


def json_schema() -> dict[str, Any]:
    """The schema of a config file: every key may be left out, and `preset` may be given.

    Keys are in the order of the Configs, and every default that is not a block is included.
    """
    made = TypeAdapter(Experiment).json_schema(schema_generator=_Generator)
    properties = {"preset": PRESET, **made["properties"]}
    return {
        "$schema": DRAFT,
        "title": TITLE,
        "description": "A config of rlsel. It states what differs from the defaults.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": [*_kinds_by_other_settings(properties)],
        "$defs": made["$defs"],
    }


def json_schema_text() -> str:
    """The schema as text, as in the file."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Keys in the order of the class, without titles; `name` distinguishes the kinds of a block."""

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().dataclass_schema(schema)
        made.pop("title", None)
        cls = schema["cls"]
        made["properties"] = {
            name: _told(made["properties"][name], cls.__pydantic_fields__[name])
            for name in (field.name for field in fields(cls))
        }
        return made

    def tagged_union_schema(self, schema: Any) -> JsonSchemaValue:
        """A condition for each kind, so that editors mark the wrong key and not the whole block."""
        kinds = {str(kind): self.generate_inner(one) for kind, one in schema["choices"].items()}
        made = {
            "type": "object",
            "properties": {KIND: {"enum": [*kinds]}},
            "allOf": [
                {"if": {"properties": {KIND: {"const": kind}}, "required": [KIND]}, "then": one}
                for kind, one in kinds.items()
            ],
        }
        usual = kinds.get(_kind_of_unnamed(schema["discriminator"]))
        if usual is None:
            return made | {"required": [KIND]}
        return made | {"allOf": [*made["allOf"], _where_unnamed(usual)]}


def _told(made: JsonSchemaValue, field: FieldInfo) -> JsonSchemaValue:
    """A setting with its default. For a block, only the defaults that differ from its class."""
    made = {key: value for key, value in made.items() if key not in ("title", "default")}
    default = field.get_default(call_default_factory=True, validated_data={})
    if field.is_required() or (default is None and not _may_be_null(made)):
        return made  # required, or follows from other settings
    if is_dataclass(default):
        kind = {KIND: getattr(default, KIND)} if "allOf" in made else {}
        default = kind | _unlike_its_class(default)
        if not default:
            return made
    return made | {"default": json.loads(json.dumps(default, default=str))}


def _unlike_its_class(block: Any) -> dict[str, Any]:
    """The settings of a block that differ from the defaults of its class."""
    fields_of: dict[str, FieldInfo] = type(block).__pydantic_fields__
    return {
        name: getattr(block, name)
        for name, field in fields_of.items()
        if not field.is_required()
        and field.default is not None  # None here: it follows from other settings
        and getattr(block, name) != field.get_default(call_default_factory=True, validated_data={})
        and not is_dataclass(getattr(block, name))
    }


def _may_be_null(made: JsonSchemaValue) -> bool:
    return {"type": "null"} in made.get("anyOf", ())


def _kind_of_unnamed(discriminator: Any) -> str:
    """The kind of a block without a name; empty if the name is required."""
    return str(discriminator({})) if callable(discriminator) else ""


def _where_unnamed(kind: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"not": {"required": [KIND]}}, "then": kind}


def _kinds_by_other_settings(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Conditions for the kind of a block without a name that a preset or the data source decides.

    The rule for all other cases is moved from the block to these conditions.
    """
    says = [(_preset_is(name), settings) for name, settings in PRESETS.items()]
    says.append((_has_embeddings(), OF_EMBEDDINGS))
    for key in sorted({key for _, settings in says for key in settings}):
        block = properties[key]
        cases = [(case, said[key][KIND]) for case, said in says if KIND in said.get(key, {})]
        if not cases or "allOf" not in block:
            continue  # no preset decides its kind
        *named, last = block["allOf"]
        kinds = {one["if"]["properties"][KIND]["const"]: one["then"] for one in _named(block)}
        for case, kind in cases:
            yield {"if": case, "then": {"properties": {key: _where_unnamed(kinds[kind])}}}
        if "required" in block:
            otherwise = {"required": block.pop("required")}
        else:
            block["allOf"], otherwise = named, last
        no_case = {"not": {"anyOf": [case for case, _ in cases]}}
        yield {"if": no_case, "then": {"properties": {key: otherwise}}}


def _named(block: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in block["allOf"] if "properties" in one["if"]]


def _preset_is(name: str) -> dict[str, Any]:
    return {"properties": {"preset": {"const": name}}, "required": ["preset"]}


def _has_embeddings() -> dict[str, Any]:
    source = {"properties": {KIND: {"const": "embeddings"}}, "required": [KIND]}
    data = {"properties": {"source": source}, "required": ["source"]}
    return {"properties": {"data": data}, "required": ["data"]}
