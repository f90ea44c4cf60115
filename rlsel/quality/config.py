"""Settings of the judgement of candidates as images."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rlsel.schema import config


@config
class AuditConfig:
    """How candidates are judged as images, and how copies among them are treated."""

    drop_copies: bool = False
    """Remove near-copies of training images before anything is learned. If false, they stay and the
    report shows them."""
    weights: Annotated[Path | None, Field(strict=False)] = None
    """A ResNet34 state dict, such as torchvision's of ImageNet. Quality is then measured in its
    features too, beside those of the run's own extractor."""
    classification_rounds: Annotated[int, Field(ge=0)] = 1
    """Number of trainings on candidates alone, tested on real images, for the classification
    accuracy score. 0 leaves the score out, and so does `evaluation.rounds: 0`, which leaves test
    unread."""
