"""Features and scores of every candidate, computed before any decision.

In: the classifier trained on the real images, the splits, the pool. Out: `Features` (vectors of
every image), a `CandidateTable` (distances, neighbours, probabilities), and the `SelectionProblem`
for the environment, which is cut into batches. Read `candidates.py` first.
"""

from rlsel.features.candidates import CandidateTable, describe_candidates
from rlsel.features.config import FeaturesConfig
from rlsel.features.extract import Extracted, Features, extract_features
from rlsel.features.problem import build_problem
from rlsel.features.stored import extraction, extractions

__all__ = [
    "CandidateTable",
    "Extracted",
    "Features",
    "FeaturesConfig",
    "build_problem",
    "describe_candidates",
    "extract_features",
    "extraction",
    "extractions",
]
