"""`rlsel config`: the settings, on the terminal (`terminal.py`) and as a page (`page.py`).

In: the settings as read by `rlsel.experiment.describe`. Out: text. No stage is imported, so that
the command answers at once. Read `verb.py` first.
"""
