"""The parts of `on_gpu.py`, one file each: what a lent GPU machine is asked in a few minutes.

In: a bare machine and what `gpu_pack.sh` gathered for it. Out: one record for each part, written
as soon as that part is done. Read `on_gpu.py` first; `patches.py` draws the real images to carry.
"""
