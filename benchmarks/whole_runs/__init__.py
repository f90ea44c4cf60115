"""Ordinary runs, end to end: the tables that `../whole_run.py`'s records make.

`scores.py` has the figures of a record, `section.py` the tables of the docs and of the README.
"""
