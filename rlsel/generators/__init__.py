"""The generators of rlsel, one folder each.

In: the real training images with their classes, and a seed. Out: labelled candidates, which become
a pool in the same way as those of any other generator. Read `histogan/config.py` first: it lists
all settings with the reason for each default.
"""
