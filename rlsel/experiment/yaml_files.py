"""Settings as YAML: UTF-8 in every locale, numbers as in YAML 1.2, no key given twice."""

import json
import math
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from rlsel.errors import InputError

TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as in YAML 1.2; PyYAML's own loaders read it as text.

    Keys are read as text: 0, no and 2020-01-01 may be names of classes. A key that is given twice
    is refused, whereas PyYAML would take the last and drop the first.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == MERGE:
                continue  # the merge key <<, whose settings may be overridden
            key, line = key_node.value, key_node.start_mark.line + 1
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key!r} is given twice, in line {seen[key]} and in line {line}; "
                    "put both together"
                )
            seen[key] = line
        self.flatten_mapping(node)
        node.value = [(_as_text(key_node), value_node) for key_node, value_node in node.value]
        return super().construct_mapping(node, deep)


def _as_text(key: yaml.Node) -> yaml.Node:
    if not isinstance(key, yaml.ScalarNode):
        return key
    return yaml.ScalarNode(TEXT, key.value, key.start_mark, key.end_mark)


class _Dumper(yaml.SafeDumper):
    """Quotes text that `_Loader` would read as a number, such as the name 1e3."""


for _kind_of_yaml in (_Loader, _Dumper):
    _kind_of_yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: the file is missing, is no YAML in UTF-8, has a key twice, or is no mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such config file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read as UTF-8 ({error}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except RecursionError:
        raise InputError(f"{path}: is not valid YAML: blocks are nested too deep") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The last four come from a tag that does not fit its value, such as !!int x.
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not valid YAML: {reason}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold settings as `key: value`, not {content!r}")
    _require_plain(content, path)
    return content


def _require_plain(content: dict[str, Any], path: Path) -> None:
    try:
        json.dumps(content, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start : error.end])
        raise InputError(f"{path}: {half} is half a character; write the whole one") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: an alias (*name) lies within what it stands for") from None


def to_yaml_text(content: dict[str, Any]) -> str:
    """Settings as text that `read_yaml` reads back; Unicode is not escaped."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def to_yaml_line(key: str, value: Any) -> str:
    """A setting as one line of any length: lists in brackets, unprintable characters escaped."""
    return f"{key}: {_in_one_line(value)}"


def _in_one_line(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_in_one_line, value))}]"
    # PyYAML would write line breaks as line breaks, unless the text is in double quotes.
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    text = yaml.dump(
        [value],
        Dumper=_Dumper,
        allow_unicode=style is None,
        default_style=style,
        default_flow_style=True,
        width=math.inf,
    )
    return text.strip()[1:-1]
