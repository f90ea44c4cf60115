"""Cores and GPUs of the cluster, how many of them are free, and whether the cluster can grow."""

from collections.abc import Iterator
from typing import Any

import ray
from ray._private import state
from ray.autoscaler.v2.sdk import get_cluster_status

from rlsel.machine.cluster.bookings import held_by_others

Node = tuple[float, float]
"""Cores and GPUs of one machine."""
PATIENCE_S = 5
"""Seconds to wait for the state of the autoscaler."""


def nodes() -> list[Node]:
    """Cores and GPUs of each machine of the cluster that is up."""
    return [*nodes_by_id().values()]


def nodes_by_id() -> dict[str, Node]:
    """Like `nodes`, by Ray's id of the machine."""
    return {node["NodeID"]: _offer(node["Resources"]) for node in ray.nodes() if node["Alive"]}


def free() -> list[Node]:
    """Free cores and GPUs of each machine, in the order of `nodes`."""
    known = state.available_resources_per_node()
    # Ray does not list a machine that has just come up; all of it is free.
    return [_offer(known[id]) if id in known else offer for id, offer in nodes_by_id().items()]


def can_grow() -> bool:
    """Whether an autoscaler may start more machines; True if that cannot be determined."""
    status = _status()
    found = [*status.active_nodes, *status.idle_nodes] if status else []
    if not found or not all(node.ray_node_type_name for node in found):
        return True
    # Without an autoscaler, each machine has a node type of its own that is named after its id.
    return any(node.ray_node_type_name != f"node_{node.node_id}" for node in found)


def describe() -> str:
    """What is free, who holds the rest, and what the autoscaler does, for a waiting user."""
    left, all_of_it = free(), nodes()
    words = [_of(left, all_of_it), *_held(left, all_of_it)]
    if status := _status():
        starting = [node.ray_node_type_name for node in status.pending_nodes]
        starting += [launch.ray_node_type_name for launch in status.pending_launches]
        failed = [
            f"{launch.ray_node_type_name} ({launch.details})" for launch in status.failed_launches
        ]
        if starting:
            words.append("the autoscaler starts " + ", ".join(starting))
        if failed:
            words.append("the autoscaler could not start " + ", ".join(dict.fromkeys(failed)))
    return "; ".join(words)


def _offer(resources: dict[str, float]) -> Node:
    return float(resources.get("CPU", 0.0)), float(resources.get("GPU", 0.0))


def _of(left: list[Node], all_of_it: list[Node]) -> str:
    cores, gpus = (sum(node[i] for node in left) for i in (0, 1))
    all_cores, all_gpus = (sum(node[i] for node in all_of_it) for i in (0, 1))
    with_gpus = f" and {gpus:g} of {all_gpus:g} GPUs" if all_gpus else ""
    return f"{cores:g} of {all_cores:g} cores{with_gpus} are free"


def _held(left: list[Node], all_of_it: list[Node]) -> Iterator[str]:
    """Who holds the GPUs or cores, if less than one is free, and what the user may do."""
    found = []
    for resource, i in (("GPU", 1), ("CPU", 0)):
        num_free, num = (sum(node[i] for node in nodes) for nodes in (left, all_of_it))
        if num and num_free < 1:
            found.append(held_by_others(resource, num - num_free))
    if any(found):
        yield from filter(None, found)
        yield "this run goes on by itself once they are free: wait, end those jobs, or add machines"


def _status() -> Any:
    try:
        return get_cluster_status(ray.get_runtime_context().gcs_address, PATIENCE_S)
    except Exception:  # whichever part of Ray is not running
        return None
