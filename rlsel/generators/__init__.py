"""Generators of our own: a folder each.

In: the real training images with their classes, and a seed. Out: labelled candidates, which become
a pool as anybody else's do. Read `histogan/config.py` first: what can be set, and why it is so.
"""
