"""Expensive results, kept in the user's cache folder under a hash of their inputs.

In: the inputs of a result. Out: the result, computed once for all runs on this machine. Read
`folder.py` first.
"""
