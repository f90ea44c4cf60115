"""How good candidates are as images, and whether they are copies, measured without downloads.

In: features of candidates, training and held-out real images, or the images themselves. Out: a
`QualityReport` per class, a classification accuracy score, a `CopyAudit`. Read `report.py` first.
"""

from rlsel.quality.classification import classification_accuracy_score
from rlsel.quality.copies import CopyAudit, audit_copies
from rlsel.quality.report import (
    QualityReport,
    SelectionRisk,
    describe_risk,
    judge,
    selection_risk,
)

__all__ = [
    "CopyAudit",
    "QualityReport",
    "SelectionRisk",
    "audit_copies",
    "classification_accuracy_score",
    "describe_risk",
    "judge",
    "selection_risk",
]
