"""docs/benchmarks.md: what was found, in plain words, every number out of the records.

In: records. Out: one page of claims, each with its table. Whether a claim stands under what works
or under what does not follows from its interval, so the page cannot say more than its records.
`claims.py` has the wording; `selection.py`, `truth.py`, `rewards.py`, `cost.py` and `gaps.py` the
claims; `page.py` puts them in order.
"""
