"""Ray's object store, and what a user is told if it is too small for what a run shares.

What does not fit into the store lies in files on the disk of that machine. If this disk is full
too (95% by Ray's default), Ray refuses the object.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import ray
from ray.cloudpickle import cloudpickle_fast as cloudpickle
from ray.exceptions import ObjectStoreFullError, OutOfDiskError
from ray.experimental.locations import get_object_locations

from rlsel.errors import InputError
from rlsel.machine.progress import console
from rlsel.machine.wording import gib

LOOK_UP_MS = 5000
"""Longest wait for the size of an object."""


def put(value: Any, what: str) -> ray.ObjectRef:
    """Put a value into the store; if some machine's store is smaller, print a note.

    Args:
        what: The value in messages, such as `the samples of the run`.

    Raises:
        InputError: store and disk of this machine are full.
    """
    num_bytes = _num_bytes(value)
    sizes = _store_bytes()
    smaller = [size for size in sizes.values() if size < num_bytes]
    if smaller:
        where = f" on {len(smaller)} of {len(sizes)} machines" if len(sizes) > 1 else ""
        _say_once(
            f"note: {what} take {gib(num_bytes)}, and Ray's object store has {gib(min(smaller))}"
            f"{where}, so that they lie on the disk, which is slower; {_remedy()}"
        )
    with _room_for(what, num_bytes):
        return ray.put(value)


def get(reference: ray.ObjectRef, what: str) -> Any:
    """The value of a reference, which may come from another machine.

    Raises:
        InputError: store and disk of this machine are full.
    """
    with _room_for(what, reference):
        return ray.get(reference)


@cache
def _say_once(text: str) -> None:
    console.print(text, markup=False)


@contextmanager
def _room_for(what: str, size: int | ray.ObjectRef) -> Iterator[None]:
    try:
        yield
    except (ObjectStoreFullError, OutOfDiskError) as error:
        num_bytes = _size_of(size) if isinstance(size, ray.ObjectRef) else size
        needed = f"{what} take {gib(num_bytes)}" if num_bytes else f"{what} do not fit"
        here = _store_bytes().get(ray.get_runtime_context().get_node_id(), 0)
        raise InputError(
            f"{needed}, and on {ray.util.get_node_ip_address()} Ray's object store has {gib(here)} "
            f"and its disk is full (95% or more); free some space there, or {_remedy()}"
        ) from error


def _remedy() -> str:
    if os.environ.get("RAY_ADDRESS"):
        return "start that machine with a larger one: ray start --object-store-memory=BYTES"
    return (
        "set RAY_DEFAULT_OBJECT_STORE_MEMORY_PROPORTION to more than 0.3 of the memory, or "
        f"RAY_TMPDIR ({os.environ.get('RAY_TMPDIR', '/tmp/ray')}) to a folder on a larger disk"
    )


def _store_bytes() -> dict[str, int]:
    """Machine, by Ray's id -> size of its store."""
    return {
        node["NodeID"]: int(node["Resources"].get("object_store_memory", 0))
        for node in ray.nodes()
        if node["Alive"]
    }


def _num_bytes(value: Any) -> int:
    """What a value takes in the store. Its arrays are not copied."""
    sizes: list[int] = []
    head = cloudpickle.dumps(
        value, protocol=5, buffer_callback=lambda buffer: sizes.append(buffer.raw().nbytes)
    )
    return len(head) + sum(sizes)


def _size_of(reference: ray.ObjectRef) -> int:
    """What a reference's value takes in the store; 0 if Ray does not know."""
    found = get_object_locations([reference], LOOK_UP_MS)
    return int(found.get(reference, {}).get("object_size") or 0)
