"""What every test may count on: a home of its own, and one Ray for the whole session.

Import neither rlsel nor envs, nor gymnasium (whose plug-ins load envs), at the top here: conftest
is read before jaxtyping hooks the imports, and what is imported earlier goes unchecked.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

OBJECT_STORE_BYTES = 256 * 2**20


def pytest_configure(config: pytest.Config) -> None:
    """Give the session a home, so that no test reads or fills that of whoever runs it.

    Here and not in a fixture, because Ray looks up ~/ray_results when it is imported. The folder
    is short, because Ray's sockets lie some 80 characters below it and a socket's path may have
    107: pytest's own folders are too deep, and so is TMPDIR on macOS.
    """
    home = Path(tempfile.mkdtemp(prefix="rlsel-", dir="/tmp"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ |= {
        "HOME": str(home),
        "RAY_TMPDIR": str(home),
        "RLSEL_CACHE": str(home / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    os.environ.pop("RAY_ADDRESS", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "ray_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.ray)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with real data, for the tests that need some."""
    if "RLSEL_SHARED" not in os.environ:
        pytest.skip("RLSEL_SHARED is not set: it names the folder that holds data/pcam")
    return Path(os.environ["RLSEL_SHARED"])


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """A Ray with two CPUs, started once. Never call `ray stop`: it ends every Ray of the machine.

    A second Ray on one host loses its agent port, so tests share this one and leave it running.
    """
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=0,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


@pytest.fixture
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
