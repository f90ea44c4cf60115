"""Candidates without pictures, such as embeddings, listed with the ids of similar samples."""

import numpy as np

from rlsel.quality.pairs import Pairs
from rlsel.reporting.tables import Row, Table
from rlsel.reporting.wording import NOTHING, decimal
from rlsel.runs.read import Selection

NUM_OF_EACH = 4
"""Kept and discarded candidates of a class in the table."""


def neighbour_table(selection: Selection | None) -> Table | None:
    """The candidates that ranked highest among the kept and lowest among the discarded.

    None if no method ranked them, or if the file does not name their nearest training samples.
    """
    if selection is None or selection.nearest_train is None:
        return None
    probability_N = selection.keep_probability
    if np.isnan(probability_N).all():
        return None
    rows = []
    for name in selection.class_names:
        of_class_N = selection.class_name == name
        for side_N, sign, what in ((selection.kept, -1, "kept"), (~selection.kept, 1, "discarded")):
            members = np.flatnonzero(of_class_N & side_N)
            order = np.argsort(sign * probability_N[members], kind="stable")
            for index in members[order[:NUM_OF_EACH]].tolist():
                nearest = str(selection.nearest_train[index])
                cells = (name, what, decimal(float(probability_N[index])), nearest)
                rows.append(Row(str(selection.ids[index]), cells))
    columns = ("candidate", "class", "", "keep probability", "nearest training sample")
    return Table("The surest decisions", columns, tuple(rows))


def pair_table(pairs: Pairs | None) -> Table | None:
    """The candidates most similar to a training sample, for samples without pictures."""
    if pairs is None or pairs.candidates is not None:
        return None
    rows = [
        Row(str(candidate), (str(original), decimal(relative), "yes" if flagged else NOTHING))
        for candidate, original, relative, flagged in zip(
            pairs.candidate_ids, pairs.original_ids, pairs.relative, pairs.flagged, strict=True
        )
    ]
    columns = ("candidate", "training sample", "relative distance", "copy")
    return Table("Most like a training sample", columns, tuple(rows))
