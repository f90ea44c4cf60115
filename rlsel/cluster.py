"""Starting Ray, or joining the cluster that is there, and what it has to offer."""

import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from rlsel.errors import InputError

NAMESPACE = "rlsel"
"""Ray namespace of our named actors."""
CONNECT_TIMEOUT_S = 10.0
"""For the head of a cluster to answer at all."""


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
    quieten()
    warnings.filterwarnings("ignore", module=r"ray\..*")
    address = os.environ.get("RAY_ADDRESS")
    _require_listener(address)
    try:
        with _silent_stderr():
            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except Exception as error:  # Ray raises whatever failed inside it
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _cannot_start(address, lines[0]) from error


def quieten() -> None:
    """Leave to Ray's loggers what a user of ours can do something about."""
    for name in ("ray", "ray.rllib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # They tell of lost env runners; training goes on, or ends with an error that says why.
    for name in ("ray.rllib.utils.actor_manager", "ray.rllib.execution.rollout_ops"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # With a traceback, of an error that the user is told of in one line.
    logging.getLogger("ray.rllib").addFilter(_is_no_mistake_of_the_user)


def _is_no_mistake_of_the_user(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], InputError))


def _cannot_start(address: str | None, reason: str) -> InputError:
    if address:
        return InputError(
            f"Ray cannot join the cluster at {address}, which RAY_ADDRESS names: {reason}; start "
            "it with `ray start --head`, or unset RAY_ADDRESS to have a Ray of our own"
        )
    return InputError(
        f"Ray cannot start: {reason}; try `ray stop --force`, see that the folder "
        f"{os.environ.get('RAY_TMPDIR', '/tmp/ray')} is writable and has 5% of its disk free, "
        "or set RAY_TMPDIR to a short path on another disk"
    )


def _require_listener(address: str | None) -> None:
    """Ray itself would try for minutes to join a cluster that is not there, and say nothing."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not port.isdigit():  # "auto" and "local"
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise _cannot_start(address, error.strerror or str(error)) from error


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


def nodes() -> list[tuple[float, float]]:
    """Cores and GPUs of each machine of the cluster that is up."""
    offers = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [(float(offer.get("CPU", 0.0)), float(offer.get("GPU", 0.0))) for offer in offers]
