"""The Ray session of a run.

`session.py` starts a local session, or joins the cluster that RAY_ADDRESS names. `state.py` reports
which cores and GPUs its machines have and which of them are free, `bookings.py` who holds the rest.
`store.py` puts what a run shares into Ray's object store.
"""

from rlsel.machine.cluster.session import NAMESPACE, quieten, ray_session
from rlsel.machine.cluster.state import can_grow, describe, free, nodes, nodes_by_id
from rlsel.machine.cluster.store import get, put

__all__ = [
    "NAMESPACE",
    "can_grow",
    "describe",
    "free",
    "get",
    "nodes",
    "nodes_by_id",
    "put",
    "quieten",
    "ray_session",
]
