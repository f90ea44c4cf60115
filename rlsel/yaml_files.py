"""Settings as YAML: UTF-8 whatever the locale, numbers as YAML 1.2 has them, no key given twice."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from rlsel.errors import InputError


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as YAML 1.2 does; to PyYAML's own loaders it is text.

    A key that is given twice is refused, where PyYAML takes the last and forgets the first.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue  # <<: takes what an anchor has, and is meant to be overridden
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key!r} is given twice, in line {seen[key]} and in line {line}; "
                    "put both together"
                )
            seen[key if isinstance(key, Hashable) else line] = line
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes text that `_Loader` would take for a number, such as the name 1e3."""


for _kind_of_yaml in (_Loader, _Dumper):
    _kind_of_yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: no such file, no YAML in UTF-8, a key given twice, or no mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such config file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read as UTF-8 ({error}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not valid YAML: {reason}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold settings as `key: value`, not {content!r}")
    return content


def to_yaml_text(content: dict[str, Any]) -> str:
    """What `read_yaml` reads back; Unicode stays as it is."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
