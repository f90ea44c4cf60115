"""The Ray that a run works on.

`session.py` starts one of our own, or joins the one that RAY_ADDRESS names; `state.py` tells what
its machines offer, what of that is free, and what has become of them since.
"""

from rlsel.machine.cluster.session import NAMESPACE, quieten, ray_session
from rlsel.machine.cluster.state import can_grow, describe, free, nodes, nodes_by_id

__all__ = [
    "NAMESPACE",
    "can_grow",
    "describe",
    "free",
    "nodes",
    "nodes_by_id",
    "quieten",
    "ray_session",
]
