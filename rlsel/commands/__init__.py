"""The verbs of the command line but for `run`, one a file: `rlsel check`, `rlsel export`, ...

In: what was typed, already parsed by `cli.py`. Out: what the user asked for, or an `InputError`.
"""
