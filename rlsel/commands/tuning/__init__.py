"""`rlsel tune`: a grid over any settings, through Ray Tune; a trial is an ordinary run.

In: a YAML file with an experiment, a grid and seeds. Out: a folder with a run for each point and
seed, a table that compares the points on selection-val, and the table as `sweep.json`. Read
`sweep.py` first.
"""

from rlsel.commands.tuning.grid import Point, SweepConfig, load_sweep
from rlsel.commands.tuning.sweep import RESULTS, run_sweep

__all__ = ["RESULTS", "Point", "SweepConfig", "load_sweep", "run_sweep"]
