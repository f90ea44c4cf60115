"""The Ray session of a run.

`session.py` starts a local session, or joins the cluster that RAY_ADDRESS names. `state.py` reports
which cores and GPUs its machines have, and which of them are free.
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
