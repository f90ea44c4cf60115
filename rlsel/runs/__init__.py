"""The folder of a run with its record and its files: writing and reading.

In: the values that stages return. Out: a folder that is enough to resume the run, to audit it and
to make the report again. Read `folder.py` first.
"""
