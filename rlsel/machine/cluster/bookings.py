"""Which other jobs hold the GPUs and cores of a cluster, as far as Ray knows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import ray
from ray._private import state
from ray.core.generated.gcs_pb2 import (
    ActorTableData,  # pyright: ignore[reportAttributeAccessIssue]
    PlacementGroupTableData,  # pyright: ignore[reportAttributeAccessIssue]
)

NOUNS = {"GPU": "GPU", "CPU": "core"}
"""Ray's name of a resource -> ours."""
MOST_NAMED = 3
"""Most jobs, and most holders of a job, that a message names."""
STARTING = ("PENDING_CREATION", "RESTARTING")
"""States of actors that may hold what they have asked for, or wait for it."""
ROUNDING = 1e-3


@dataclass(frozen=True)
class Booking:
    """What an actor or a placement group holds of a resource."""

    job: str
    """Ray's id of the job that it belongs to."""
    amount: float
    holder: str
    """Class of the actor, or the placement group, with its name if it has one."""


def held_by_others(resource: str, booked: float) -> str:
    """Who holds a resource, such as `2 GPUs are held by Ray job 0200 (process 7 on 10.0.0.5: A)`.

    Args:
        resource: GPU or CPU.
        booked: How much of it is not free. What no actor and no placement group holds is held by
            tasks, which Ray does not list, or by actors that are about to start.

    Returns:
        Empty if this job alone holds it.
    """
    bookings = [*_of_actors(resource, "ALIVE"), *_of_placement_groups(resource)]
    starting = sum(one.amount for state_ in STARTING for one in _of_actors(resource, state_))
    own_job = ray.get_runtime_context().get_job_id()
    return in_words(bookings, _drivers(), own_job, NOUNS[resource], booked - starting)


def in_words(
    bookings: Iterable[Booking], drivers: Mapping[str, str], own_job: str, noun: str, booked: float
) -> str:
    """The bookings of other jobs than `own_job` as one message; see `held_by_others`."""
    total: Counter[str] = Counter()
    holders: dict[str, Counter[str]] = {}
    for one in bookings:
        total[one.job] += one.amount  # pyright: ignore[reportArgumentType]
        holders.setdefault(one.job, Counter())[one.holder] += 1
    by_tasks = booked - sum(total.values())
    others = [(job, amount) for job, amount in total.most_common() if job != own_job]
    told = [
        f"{amount:g} by Ray job {job} ({drivers.get(job, 'its process has ended')}: "
        f"{_listed(holders[job])})"
        for job, amount in others[:MOST_NAMED]
    ]
    if rest := others[MOST_NAMED:]:
        told.append(f"{sum(amount for _, amount in rest):g} by {len(rest)} more jobs")
    if by_tasks > ROUNDING:
        told.append(f"{by_tasks:g} by tasks")
    return f"{noun}s are held: {', '.join(told)}" if told else ""


def _listed(holders: Counter[str]) -> str:
    named = [f"{num} x {who}" if num > 1 else who for who, num in holders.most_common(MOST_NAMED)]
    more = len(holders) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _of_actors(resource: str, actor_state: str) -> Iterator[Booking]:
    for content in _accessor().get_actor_table(None, actor_state):
        actor = ActorTableData.FromString(content)
        # An actor in a placement group holds a part of that group, under another name.
        if amount := actor.required_resources.get(resource, 0.0):
            name = f" {actor.name!r}" if actor.name else ""
            yield Booking(actor.job_id.hex(), amount, actor.class_name + name)


def _of_placement_groups(resource: str) -> Iterator[Booking]:
    for content in _accessor().get_placement_group_table():
        group = PlacementGroupTableData.FromString(content)
        amount = sum(bundle.unit_resources.get(resource, 0.0) for bundle in group.bundles)
        if amount and group.state == PlacementGroupTableData.CREATED:
            name = f" {group.name!r}" if group.name else ""
            yield Booking(group.creator_job_id.hex(), amount, "a placement group" + name)


def _drivers() -> dict[str, str]:
    """Job -> its process and machine; jobs that have ended are left out."""
    return {
        job["JobID"]: f"process {job['DriverPid']} on {job['DriverIPAddress']}"
        for job in state.state.job_table()
        if not job["IsDead"]
    }


def _accessor():
    return state.state._connect_and_get_accessor()
