"""`rlsel init`: look at images and candidates, and write a commented config that works.

In: two paths as typed. Out: a YAML file that `rlsel check` accepts, because it was checked before
it got its name. Read `write.py` first, then `choose.py`; `noted.py` is YAML with comments.
"""
