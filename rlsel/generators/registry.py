"""The generators that there are, and the block `generator` of a config."""

from pathlib import Path
from typing import Annotated, Any

from rlsel.errors import InputError
from rlsel.generators.histogan.generator import HistoGAN
from rlsel.generators.seam import Checkpoint, Generator, GeneratorSettings
from rlsel.generators.training_folder import read_stored
from rlsel.schema import OneOf

GENERATORS: dict[str, Generator[Any, Any]] = {
    "histogan": HistoGAN(),
}
"""By the name that configs and checkpoints have; that of the Config is the same."""
DEFAULT_KIND = "histogan"
"""The kind of a block without a name, and the one that `rlsel init` takes."""

GeneratorConfig = Annotated[
    GeneratorSettings, OneOf(lambda: [one.config for one in GENERATORS.values()], DEFAULT_KIND)
]


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one of any generator.

    Raises:
        InputError: there is none, it is damaged, or another version wrote it.
    """
    stored = read_stored(path)
    kind = stored["about"]["settings"]["name"]
    if kind not in GENERATORS:
        raise InputError(
            f"{path}: is of a generator {kind!r}; this version of rlsel has {', '.join(GENERATORS)}"
        )
    return GENERATORS[kind].load(stored, path)


def generator_of(settings: GeneratorSettings) -> Generator[Any, Any]:
    """The generator that a block of a config is of."""
    return GENERATORS[settings.name]
