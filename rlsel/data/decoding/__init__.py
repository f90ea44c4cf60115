"""Encoded images to arrays: a `Part` of a source in, an `ImageSet` of one size and notes out.

Decoding runs in threads and is done once: the arrays stay in a cache on disk, memory-mapped.
Read `decode.py` first, then `pixels.py` for one image and `cache.py` for what is kept.
"""
