"""Logistic heads on frozen features from any source.

In: features and labels. Out: the weights of a head for each subset of the rows, or the logits of
the candidates by one head. Read `logistic.py`.
"""

from rlsel.heads.logistic import HeadFeatures, LogisticHeads, head_logits

__all__ = ["HeadFeatures", "LogisticHeads", "head_logits"]
