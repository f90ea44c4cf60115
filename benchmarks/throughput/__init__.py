"""What `reward_throughput.py` and `cost_growth.py` are made of.

In: who trains (`Setup`: ours or the naive peer, in how many processes) on how much (`Setting`).
Out: cells of seconds and rates, each in its record once measured. Read `sides.py` first.
"""
