"""`rlsel config`: what can be set, on the terminal (`terminal.py`) and as a page (`page.py`).

In: the settings as `rlsel.experiment.describe` reads them. Out: text. Nothing of the stages is
imported, so that it answers at once. Read `verb.py` first.
"""
