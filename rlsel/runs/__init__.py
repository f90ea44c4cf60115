"""What a run leaves behind: its folder, its record and its files, written and read here.

In: the values that stages returned. Out: a folder that is enough to resume, to audit and to draw
the report again. Read `folder.py` first.
"""
