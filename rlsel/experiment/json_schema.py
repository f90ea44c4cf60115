"""The JSON schema of a config, made from the Configs: for editors, and for `describe.py`.

It is strict where `load_experiment` is, and so knows every key; what depends on two settings at
once, or on files, is left to `rlsel check`. The file `rlsel.schema.json` beside this one holds the
same, so that `rlsel config` and completion need not import the stages (`make docs` writes it).
"""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticUndefined, core_schema

from rlsel.experiment.config import OF_EMBEDDINGS, Experiment
from rlsel.experiment.presets import PRESETS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KIND = "name"
"""The setting of a block that says which of several kinds it is."""
PRESET = {
    "enum": [*PRESETS, None],
    "default": None,
    "description": "Settings that this config is laid over: "
    "`default` is what `rlsel run` does without a config, `paper` the recipe of Ye et al. 2020, "
    "`dvrl` one network over candidates one by one with REINFORCE. None lays it over the defaults.",
}


def json_schema() -> dict[str, Any]:
    """The schema of a config as people write it: every key may be left out, `preset` may be given.

    Keys stand in the order of the Configs, and every default that is no block is there.
    """
    made = TypeAdapter(Experiment).json_schema(schema_generator=_Generator)
    properties = {"preset": PRESET, **made["properties"]}
    return {
        "$schema": DRAFT,
        "title": "rlsel",
        "description": "A config of rlsel. It states what differs from the defaults.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": [*_kinds_by_other_settings(properties)],
        "$defs": made["$defs"],
    }


def json_schema_text() -> str:
    """As it lies in the file."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Keys in the order of the class, without titles; blocks of several kinds told by `name`."""

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        made = super().dataclass_schema(schema)
        made.pop("title", None)
        cls = schema["cls"]
        made["properties"] = {
            name: _told(made["properties"][name], cls.__pydantic_fields__[name])
            for name in (field.name for field in fields(cls))
        }
        return made

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """A condition for each kind, as editors then complain of the key that is wrong and not of
        the block as a whole."""
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
    """A setting with its default; of a block, what is not the default of its own settings."""
    made = {key: value for key, value in made.items() if key not in ("title", "default")}
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined or (default is None and not _may_be_null(made)):
        return made  # it has to be given, or follows from other settings
    if is_dataclass(default):
        kind = {KIND: getattr(default, KIND)} if "allOf" in made else {}
        default = kind | _unlike_its_class(default)
        if not default:
            return made
    return made | {"default": json.loads(json.dumps(default, default=str))}


def _unlike_its_class(block: Any) -> dict[str, Any]:
    """The settings of a block that were given, so that the defaults of its class do not tell."""
    usual = {name: field.default for name, field in type(block).__pydantic_fields__.items()}
    return {
        name: getattr(block, name)
        for name, default in usual.items()
        if default is not None  # or it follows from others
        and default is not PydanticUndefined
        and getattr(block, name) != default
        and not is_dataclass(getattr(block, name))
    }


def _may_be_null(made: JsonSchemaValue) -> bool:
    return {"type": "null"} in made.get("anyOf", ())


def _kind_of_unnamed(discriminator: Any) -> str:
    """The kind of a block without a name; none where it has to have one."""
    return str(discriminator({})) if callable(discriminator) else ""


def _where_unnamed(kind: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"not": {"required": [KIND]}}, "then": kind}


def _kinds_by_other_settings(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The kind of a block without a name, where a preset or the source of the data says it.

    What holds otherwise is taken out of the block, and put here.
    """
    says = [(_preset_is(name), settings) for name, settings in PRESETS.items()]
    says.append((_has_embeddings(), OF_EMBEDDINGS))
    for key in sorted({key for _, settings in says for key in settings}):
        block = properties[key]
        cases = [(case, said[key][KIND]) for case, said in says if KIND in said.get(key, {})]
        if not cases or "allOf" not in block:
            continue  # its name is a setting like any other
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
