"""What planted faults do to a classifier, measured: the truth that a bed may be built on.

In: real PCam. Out: cells of a record, and the page. `faults.py` has the kinds of image and their
strengths, `fault_cells.py` the trainings, `fault_summary.py` the differences and verdicts,
`fault_section.py` the page; `resumable.py` keeps a record that outlives whoever fills it.
`../fault_truth.py` runs it all.
"""
