"""Published rivals of the controller: methods of data valuation and of label checking.

In: `PeerInputs`, the features and labels of train, reward-val and the candidates. Out: a score for
each candidate, the best highest. Read `registry.py` first, which lists the methods. Confident
learning is from cleanlab (extra `peers`). docs/decisions.md says why the others are our own.
"""

from rlsel.selectors.peers.config import PeersConfig
from rlsel.selectors.peers.inputs import PeerInputs
from rlsel.selectors.peers.registry import PEERS, require_packages, score_candidates

__all__ = ["PEERS", "PeerInputs", "PeersConfig", "require_packages", "score_candidates"]
