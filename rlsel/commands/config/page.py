"""docs/config.md: all settings in tables, one section per block, made by `make docs`."""

from collections.abc import Iterator, Sequence

from rlsel.experiment.describe import Setting, settings

HEAD = """\
# Settings

`make docs` makes this page from the docstrings of the settings, so edit those. On the terminal
`rlsel config reward` shows the same for a block, and `rlsel config reward.metric` for a setting.

A config is a YAML file that states what differs from the defaults. `rlsel init` writes one for your
images. A key such as `reward.metric` below is written

```yaml
reward:
  metric: auc
```

and the None of these descriptions is written `null`. Some blocks have several kinds, and `name`
chooses one. On this page and for `rlsel config` the key of a setting then includes the kind: the
setting `data.source.folder.path` is written `data: {source: {name: folder, path: ...}}`.

## In your editor

`rlsel config --schema > rlsel.schema.json` writes a JSON schema (draft 2020-12) of a config.
Editors with a YAML language server, such as VS Code with the extension YAML of Red Hat, then
complete keys, show their meaning and underline unknown ones, if the config begins with

```yaml
# yaml-language-server: $schema=rlsel.schema.json
```

`rlsel init` writes both the line and the schema file beside the config. Nothing is downloaded.
Write the schema file again after an update of rlsel.

`rlsel --install-completion` makes the shell complete commands, keys of `rlsel config`, YAML files
and run folders (bash, zsh, fish and PowerShell).
"""


def config_page() -> str:
    """The page as Markdown."""
    sections = (line for one in settings() for line in _section(one))
    return "\n".join((HEAD, *_at_the_top(), *sections))


def _at_the_top() -> Iterator[str]:
    yield "## At the top of a config\n"
    yield from _table([one for one in settings() if not one.is_block])


def _section(block: Setting, depth: int = 2) -> Iterator[str]:
    """The section of a block, with the sections of the blocks inside it."""
    if not block.is_block:
        return
    yield f"{'#' * depth} {block.key}\n"
    yield " ".join(dict.fromkeys(text for text in (block.meaning, block.about) if text)) + "\n"
    if block.kinds:
        yield _kinds_in_words(block)
    for kind in block.kinds:
        yield from _section(kind, min(depth + 1, 6))
    yield from _table([one for one in block.below if not one.is_block])
    for one in block.below:
        yield from _section(one, min(depth + 1, 6))


def _kinds_in_words(block: Setting) -> str:
    if block.default == "null":  # the block may be left out
        usual = f"`{block.usual_kind}` where that is left out"
        return f"None by default (`null`). `name` says which kind it is, {usual}:\n"
    return f"One of several kinds; `name` says which, by default `{block.default}`:\n"


def _table(rows: Sequence[Setting]) -> Iterator[str]:
    if not rows:
        return
    yield "| setting | type | default | meaning |"
    yield "|---|---|---|---|"
    for one in rows:
        cells = (f"`{one.written[-1]}`", _cell(one.type), _default(one), _cell(one.meaning))
        yield f"| {' | '.join(cells)} |"
    yield ""


def _default(setting: Setting) -> str:
    if setting.default is None:
        return setting.default_in_words
    default = f"`{setting.default}`"
    others = [f"{p}: `{v}`" for p, v in setting.presets.items() if v != setting.default]
    return _cell(f"{default} (preset {', '.join(others)})" if others else default)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
