"""`rlsel init`: looks at images and candidates, and writes a commented config that runs.

In: two paths as they were typed. Out: a YAML file that `rlsel check` takes, since it was checked
before it got its name. Read `write.py` first, then `choose.py`; `noted.py` is YAML with comments.
"""
