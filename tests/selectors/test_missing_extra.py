"""A method whose package is not installed is refused before anything is done."""

import sys
from pathlib import Path

import numpy as np
import pytest
from small_experiment import refused, rlsel, write_config

import rlsel as package
from rlsel.errors import InputError
from rlsel.selectors.peers import PEERS, require_packages

SAID = (
    "selection.methods has confident_learning, which needs cleanlab, and that is not installed; "
    "pip install 'rlsel[peers]', or leave the method out"
)

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


@pytest.fixture(autouse=True)
def without_cleanlab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)


@pytest.fixture
def config() -> Path:
    methods = ["uniform", "confident_learning", "controller"]
    return write_config(Path("mine.yaml"), selection={"methods": methods})


def test_a_run_is_refused_in_one_line_and_takes_no_folder(config: Path) -> None:
    assert refused(rlsel("run", config, "--out", "run")) == SAID
    assert not Path("run").exists()


def test_a_check_says_what_a_run_would(config: Path) -> None:
    assert refused(rlsel("check", config)) == SAID


def test_arrays_are_refused_as_a_run_is() -> None:
    nothing = (np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0, int))

    with pytest.raises(InputError, match="which needs cleanlab"):
        package.select(nothing, nothing, nothing, selection={"methods": ["confident_learning"]})


def test_the_other_peers_need_nothing() -> None:
    require_packages(["keep_all", "controller", *(set(PEERS) - {"confident_learning"})])
