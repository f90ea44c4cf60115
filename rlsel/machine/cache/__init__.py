"""What took long to make, kept in the user's cache folder by the content that it follows from.

In: what a result depends on. Out: the result, made once for all runs on this machine. Read
`folder.py` first.
"""
