"""The final word: every method's selection, trained afresh with several seeds, scored on test.

In: selections and whoever carries out evaluations. Out: scores per method, metric and round, and
where the pool's truth is known, how much of it each method found. Read `rounds.py` first.
"""

from rlsel.evaluation.rounds import EvaluationConfig, score_selections
from rlsel.evaluation.truth import Finding, find_truth, kinds_kept

__all__ = ["EvaluationConfig", "Finding", "find_truth", "kinds_kept", "score_selections"]
