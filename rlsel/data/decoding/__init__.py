"""Encoded images to arrays: a `Part` of a source in, an `ImageSet` of one size and notes out.

Decoding runs on all cores. A cache on disk keeps the arrays, so each source is decoded once and
memory-mapped from then on. Read `decode.py` first, then `pixels.py` for one image, `crew.py` for
the processes and threads, and `cache.py` for the cache, whose entries `contents.py` finds.
"""
