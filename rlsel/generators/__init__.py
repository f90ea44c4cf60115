"""Generators of our own: a folder each, and one seam through which all others see them.

In: the real training images with their classes, and a seed. Out: labelled candidates, which become
a pool as anybody else's do. Read `seam.py` first: what a generator has to do. `registry.py` names
those that there are; `train_once.py` trains one, `candidates.py` makes a pool with it.
"""
