"""Beds with planted faults: what the faults do, and whether a controller finds them.

In: real PCam and the phantom. Out: cells of records, and pages. What faults do to a classifier:
`faults.py`, `fault_*.py` (run by `../fault_truth.py`). Whether it is learned: `material.py` and
`beds.py` make the pools, `learning.py` runs on one, `studies.py` reads `cells.yaml`. `bed_cells.py`
has ceilings and rivals, `selection_cells.py` full trainings, `planted_*.py` summary and pages, of
which `targets_section.py`, `bed_tables.py` and `selection_section.py` are parts (run by
`../planted_truth.py`). `loop_*.py` and `plain_loop.py` time it (`../learning_loop.py`).
"""
