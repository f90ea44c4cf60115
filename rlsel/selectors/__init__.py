"""The methods that select candidates: the learned controller and its rivals.

In: what is known of the candidates, and how many to keep. Out: a `Selection`. All selections pass
through the same evaluation. Read `baselines.py` first: its `SELECTORS` lists the rivals, with the
published ones of `peers/`. `controller.py` is the learned method.
"""

from rlsel.selectors.baselines import SELECTORS, BaselineInputs
from rlsel.selectors.config import SelectionConfig
from rlsel.selectors.selection import Selection

__all__ = ["SELECTORS", "BaselineInputs", "Selection", "SelectionConfig"]
