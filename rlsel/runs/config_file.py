"""`config.yaml`: the complete settings of a run, in its folder."""

from pathlib import Path

from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, build_experiment
from rlsel.experiment.gone import without_gone
from rlsel.experiment.yaml_files import read_yaml

CONFIG = "config.yaml"


def read_experiment(run_dir: Path) -> Experiment:
    """The experiment of a run folder. Settings that no longer exist are ignored."""
    path = run_dir / CONFIG
    if not run_dir.is_dir():
        raise InputError(f"{run_dir}: there is no such run folder")
    if not path.exists():
        raise InputError(f"{run_dir}: is no run folder: it has no {CONFIG}")
    return build_experiment(without_gone(read_yaml(path)), str(path))
