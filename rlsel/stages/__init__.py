"""The stages of a run, one a file: values in, a value out. No stage knows of a run folder.

`pipeline.py` calls them in order and hands what they return to the run folder.
"""
