"""Start a local Ray session, or join the cluster that RAY_ADDRESS names."""

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
"""Seconds for the head of a cluster to answer."""
STARTING = (
    ("permission denied", "make {folder} writable, or set RAY_TMPDIR to another folder"),
    ("read-only", "set RAY_TMPDIR to a folder that can be written to"),
    ("af_unix path", "set RAY_TMPDIR to a shorter path"),
    ("no space left", "free some space in {folder}, or set RAY_TMPDIR to another disk"),
    ("/dev/shm", "free some shared memory (/dev/shm), or give the container more of it"),
    ("memory", "free some memory: Ray wants room for its object store"),
)
"""Part of Ray's message if it cannot start -> remedy; {folder} is the folder of Ray's files."""
JOINING = (
    ("version mismatch", "install the versions of Ray and Python that it runs"),
    (
        "authentication token",
        "it asks for a token: copy ~/.ray/auth_token of its head to this machine and set "
        "RAY_AUTH_MODE=token",
    ),
)
"""Part of Ray's message if it cannot join a cluster -> remedy."""


@contextmanager
def ray_session() -> Iterator[None]:
    """Have Ray running: the caller's session, the cluster at RAY_ADDRESS, or a new local session.

    On exit a local session is shut down, and a cluster is left running. A cluster of another user
    on this machine is joined only if RAY_ADDRESS names it.

    Raises:
        InputError: Ray cannot start; the message says what to try.
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
    # Ray's processes inherit these variables. Each gets one thread, because they share the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    # This is Ray's future default; setting it avoids a warning at every start.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray's C++ core prints events that Python handles, such as a lost worker.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    quieten()
    warnings.filterwarnings("ignore", module=r"ray\..*")
    # A script may set RAY_ADDRESS to an empty text. `local` always starts a new session; with no
    # address Ray would join one that another process has started on this machine.
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
        # Ray prints a paragraph for every lost worker, even without logs to the driver. For lost
        # evaluators `rewards/watch.py` prints one line.
        worker.print_to_stdstream = lambda *printed, **how: None
        if url := getattr(context, "dashboard_url", ""):  # with the extra `cluster`
            console.print(f"Ray's dashboard: http://{url}", markup=False)
    except Exception as error:  # Ray raises many kinds of errors
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _cannot_start(address, lines[0], _all_said(error)) from error


def quieten() -> None:
    """Silence messages of Ray's loggers on which the user cannot act."""
    for name in ("ray", "ray.rllib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # These two log lost env runners. Training continues, or ends with an error that says why.
    for name in ("ray.rllib.utils.actor_manager", "ray.rllib.execution.rollout_ops"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # RLlib logs an InputError with a traceback, but the user already gets it as one line.
    logging.getLogger("ray.rllib").addFilter(_is_no_mistake_of_the_user)


def _is_no_mistake_of_the_user(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], InputError))


def _all_said(error: BaseException | None) -> str:
    """The messages of an error and of its causes, since Ray's outermost error says little."""
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
    """Refuse an address that does not answer. Ray itself would silently try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():  # "auto" and "local"
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise _cannot_start(address, error.strerror or str(error)) from error


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Redirect file descriptor 2, to which Ray's core writes its log level bypassing Python."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
