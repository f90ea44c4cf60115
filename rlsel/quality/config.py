"""Settings of what is said of candidates as images."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rlsel.schema import config


@config
class AuditConfig:
    """How candidates are judged as images, and what is done about copies among them."""

    drop_copies: bool = False
    """Leave out near-copies of training images before anything is learned; else they are shown in
    the report."""
    weights: Annotated[Path | None, Field(strict=False)] = None
    """A ResNet34 state dict, such as torchvision's of ImageNet, in whose features quality is
    measured as well as in those of the run's own extractor."""
    classification_rounds: Annotated[int, Field(ge=0)] = 1
    """Trainings on candidates alone, tested on real images: the classification accuracy score. 0
    leaves it out, and so does `evaluation.rounds: 0`, which leaves test unread."""
