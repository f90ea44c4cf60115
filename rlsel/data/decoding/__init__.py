"""Encoded images to arrays: a `Part` of a source in, an `ImageSet` of one size and notes out.

Decoding runs in threads. A cache on disk keeps the arrays, so each source is decoded once and then
memory-mapped. Read `decode.py` first, then `pixels.py` for one image and `cache.py` for the cache.
"""
