"""The stages of a run, one per file: values in, a value out. No stage knows the run folder.

`pipeline.py` calls the stages in order and passes their return values to the run folder.
"""
