"""Logistic heads on frozen features, whoever made those.

In: features and labels. Out: the weights of a head for every subset of the rows that somebody asks
about, or what one head says of the candidates. Read `logistic.py`.
"""

from rlsel.heads.logistic import HeadFeatures, LogisticHeads, head_logits

__all__ = ["HeadFeatures", "LogisticHeads", "head_logits"]
