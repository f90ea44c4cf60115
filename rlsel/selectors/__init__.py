"""Everything that answers: which candidates join the training set?

In: what is known of the candidates, and how many to keep. Out: a `Selection`. The learned
controller and its rivals pass through the same evaluation, so comparing them is fair by
construction. `SELECTORS` lists the rivals, the published ones of `peers/` among them; the learner
is `controller.py`.
"""

from rlsel.selectors.baselines import SELECTORS, BaselineInputs
from rlsel.selectors.config import SelectionConfig
from rlsel.selectors.selection import Selection

__all__ = ["SELECTORS", "BaselineInputs", "Selection", "SelectionConfig"]
