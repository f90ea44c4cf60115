"""The commands of the command line except `run`, one per file: `rlsel check`, `rlsel export`, ...

In: arguments that `cli.py` has parsed. Out: the result for the user, or an `InputError`.
"""
