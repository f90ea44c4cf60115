"""Published rivals of the controller: what data valuation and label checking say of a candidate.

In: `PeerInputs`, the features and labels of train, reward-val and the candidates. Out: one score a
candidate, higher means rather keep. `registry.py` lists them; read it first. Confident learning is
cleanlab's, an extra; why the data values are ours, docs/architecture.md says.
"""

from rlsel.selectors.peers.config import PeersConfig
from rlsel.selectors.peers.inputs import PeerInputs
from rlsel.selectors.peers.registry import PEERS, require_packages, score_candidates

__all__ = ["PEERS", "PeerInputs", "PeersConfig", "require_packages", "score_candidates"]
