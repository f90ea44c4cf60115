"""Starting Ray, or joining the cluster that is there, and what it has to offer."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from rlsel.errors import InputError

NAMESPACE = "rlsel"
"""Ray namespace of our named actors."""


@contextmanager
def ray_session() -> Iterator[None]:
    """Within it Ray is up: the caller's own, the cluster at RAY_ADDRESS, or a local one of ours.

    A local one is shut down on the way out; the others are left as they were.

    Raises:
        InputError: Ray cannot start, with what to try.
    """
    if ray.is_initialized():
        yield
        return
    _start()
    try:
        yield
    finally:
        ray.shutdown()


def _start() -> None:
    # Processes inherit these. One thread each: they share the cores among themselves.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    # The future default, asked for now so that Ray does not warn about it at every start.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Its C++ core reports on standard error what Python handles, such as a worker that was lost.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    for name in ("ray", "ray.rllib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"ray\..*")
    address = os.environ.get("RAY_ADDRESS")
    try:
        with _silent_stderr():
            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except Exception as error:  # Ray raises whatever failed inside it
        where = f"join the cluster at {address}" if address else "start"
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"Ray cannot {where}: {reason[0]}; try `ray stop --force`, see that the folder "
            f"{os.environ.get('RAY_TMPDIR', '/tmp/ray')} is writable and has 5% of its disk free, "
            "or set RAY_TMPDIR to a short path on another disk"
        ) from error


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Ray's core announces its log level on the file descriptor itself, below Python's streams."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def num_gpus() -> float:
    """GPUs of the whole cluster."""
    return float(ray.cluster_resources().get("GPU", 0.0))


def num_cpus() -> float:
    """Cores of the whole cluster."""
    return float(ray.cluster_resources().get("CPU", 1.0))
