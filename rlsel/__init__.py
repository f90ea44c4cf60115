"""rlsel learns which synthetic samples are worth training on.

In: labelled images and a pool of candidates. Out: a learned selection and its honest test score.
`pipeline.py` shows the whole program in one screen; `docs/architecture.md` is the map.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import envs  # noqa: F401  registers rlsel/SampleSelection-v0 with Gymnasium

try:
    __version__ = version("rlsel")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from rlsel.arrays import select as select
    from rlsel.errors import InputError as InputError
    from rlsel.experiment.config import Experiment as Experiment
    from rlsel.experiment.config import load_experiment as load_experiment
    from rlsel.pipeline import run as run
    from rlsel.selectors import Selection as Selection

_DOORS = {
    "Experiment": "rlsel.experiment.config",
    "InputError": "rlsel.errors",
    "Selection": "rlsel.selectors",
    "load_experiment": "rlsel.experiment.config",
    "run": "rlsel.pipeline",
    "select": "rlsel.arrays",
}
__all__ = ["Experiment", "InputError", "Selection", "load_experiment", "run", "select"]


def __getattr__(name: str) -> Any:
    """Fetch a door on first use: `import rlsel` alone loads neither torch nor Ray."""
    if name not in _DOORS:
        raise AttributeError(f"module 'rlsel' has no attribute {name!r}")
    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOORS])
