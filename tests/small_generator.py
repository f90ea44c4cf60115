"""A generator that trains in seconds, and a config with it."""

from pathlib import Path
from typing import Any

import yaml
from small_experiment import write_config

GENERATOR: dict[str, Any] = {
    "name": "histogan",
    "num_per_class": 8,
    "channels": 4,
    "max_channels": 8,
    "batch_size": 8,
    "num_images": 32,
    "show_every": 2,
    "save_every": 2,
}


def write(path: Path, **changed: Any) -> Path:
    """A config with a generator in the place of a pool."""
    write_config(path, generator=GENERATOR, **changed)
    content = yaml.safe_load(path.read_text())
    del content["pool"]
    path.write_text(yaml.safe_dump(content))
    return path
