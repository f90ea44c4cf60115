"""The tissue phantom: drawn H&E-like patches, the data set of a run without a config.

In: a `PhantomSource` and a random generator. Out: train, val and test as `ImageSet`s; with a
`PhantomPool`, also candidates whose faults are known.
Read `tissue.py` first: one latent grade per image decides how its nuclei look.
"""

from rlsel.data.phantom.pool import KINDS, USEFUL_KINDS, PhantomPool, draw_candidates
from rlsel.data.phantom.source import PhantomSource, draw_splits

__all__ = [
    "KINDS",
    "USEFUL_KINDS",
    "PhantomPool",
    "PhantomSource",
    "draw_candidates",
    "draw_splits",
]
