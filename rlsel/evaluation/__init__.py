"""The final scores: every selection is trained on afresh with several seeds and scored on test.

In: selections, and an `Evaluations` that carries out trainings. Out: scores by method, metric and
round. If the pool's truth is known, also how much of it each method found. Read `rounds.py` first.
"""

from rlsel.evaluation.rounds import EvaluationConfig, score_selections
from rlsel.evaluation.truth import Finding, find_truth, kinds_kept

__all__ = ["EvaluationConfig", "Finding", "find_truth", "kinds_kept", "score_selections"]
