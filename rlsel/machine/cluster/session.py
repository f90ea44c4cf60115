"""Starting a Ray of our own, or joining the one that somebody names."""

import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray._private import worker

from rlsel.errors import InputError
from rlsel.machine.progress import console

NAMESPACE = "rlsel"
"""Ray namespace of our named actors."""
CONNECT_TIMEOUT_S = 10.0
"""For the head of a cluster to answer at all."""
STARTING = (
    ("permission denied", "make {folder} writable, or set RAY_TMPDIR to another folder"),
    ("read-only", "set RAY_TMPDIR to a folder that can be written to"),
    ("af_unix path", "set RAY_TMPDIR to a shorter path"),
    ("no space left", "free some space in {folder}, or set RAY_TMPDIR to another disk"),
    ("/dev/shm", "free some shared memory (/dev/shm), or give the container more of it"),
    ("memory", "free some memory: Ray wants room for its object store"),
)
"""What Ray says where it cannot start -> what helps; {folder} is where it keeps its files."""
JOINING = (
    ("version mismatch", "install the versions of Ray and Python that it runs"),
    (
        "authentication token",
        "it asks for a token: copy ~/.ray/auth_token of its head to this machine and set "
        "RAY_AUTH_MODE=token",
    ),
)
"""The same where a cluster cannot be joined."""


@contextmanager
def ray_session() -> Iterator[None]:
    """Within it Ray is up: the caller's own, the cluster at RAY_ADDRESS, or a local one of ours.

    A local one is shut down on the way out; the others are left as they were. Nobody else's cluster
    is joined unasked, though one be up on this machine.

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
    # Empty is what a script leaves that has nothing to say. `local` is never the Ray that another
    # process on this machine happens to have up, which Ray itself would join.
    address = os.environ.get("RAY_ADDRESS") or "local"
    _require_listener(address)
    try:
        with _silent_stderr():
            context = ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        # It prints a paragraph whenever a worker is lost, logs to the driver or not. Where that is
        # an evaluator, `rewards/watch.py` has a line of it.
        worker.print_to_stdstream = lambda *printed, **how: None
        if url := getattr(context, "dashboard_url", ""):  # with the extra `cluster`
            console.print(f"Ray's dashboard: http://{url}", markup=False)
    except Exception as error:  # Ray raises whatever failed inside it
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _cannot_start(address, lines[0], _all_said(error)) from error


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


def _all_said(error: BaseException | None) -> str:
    """An error and what it came of: the outermost of Ray's says little."""
    said = []
    while error is not None:
        said.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(said).lower()


def _cannot_start(address: str, reason: str, all_said: str = "") -> InputError:
    all_said = all_said or reason.lower()
    if address != "local":
        found = (remedy for sign, remedy in JOINING if sign in all_said)
        remedy = next(found, "start it with `ray start --head`")
        return InputError(
            f"Ray cannot join the cluster at {address}, which RAY_ADDRESS names: {reason}; "
            f"{remedy}, or unset RAY_ADDRESS to have a Ray of our own"
        )
    folder = os.environ.get("RAY_TMPDIR", "/tmp/ray")
    found = (remedy for sign, remedy in STARTING if sign in all_said)
    remedy = next(found, "its logs in {folder}/session_latest/logs may say more")
    return InputError(f"Ray cannot start: {reason}; {remedy.format(folder=folder)}")


def _require_listener(address: str) -> None:
    """Ray itself would try for minutes to join a cluster that is not there, and say nothing."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
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
