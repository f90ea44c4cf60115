"""Settings of the features, the batches and the inputs of the controller."""

from typing import Annotated, Literal

from pydantic import Field

from envs.types import Context
from rlsel.classifier import ClassifierConfig
from rlsel.features.extractors.config import ExtractorConfig
from rlsel.schema import config

Input = Literal[
    "class",
    "own_distance",
    "other_distance",
    "knn_label_agreement",
    "label_log_probability",
    "margin",
    "head_log_probability",
    "nearest_real",
    "nearest_other_class",
    "nearest_candidate",
    "principal_components",
    "features",
]
Order = Literal["own_distance", "label_free", "random"]


@config
class FeaturesConfig:
    """Features, batches and inputs."""

    extractor: ExtractorConfig = ClassifierConfig()
    """Where features come from: a ResNet34, trained on the real images alone; a frozen network of
    torchvision or timm; or a file of features (docs/features.md)."""
    folds: Annotated[int, Field(ge=1)] = 1
    """Parts of the real images for cross-fitting. With 2 or more, extractor k is trained on all
    parts but the k-th, and probes, scores and inputs take real images only from the k-th, each with
    a weight of `folds`; all are means over the extractors. It costs about as many trainings of the
    extractor. Features that no training on the real images has made need no folds."""
    num_batches: Annotated[int, Field(ge=1)] = 8
    """Number of batches into which the pool is cut, which is the number of decisions of an episode
    (paper: 8)."""
    max_batch_size: Annotated[int, Field(ge=1)] = 512
    """Most candidates of a batch (paper: 512). A pool with more than `num_batches` times as many is
    dealt to shards, each an even sample of the pool, and an iteration learns on one of them. So the
    cost of an iteration does not grow with the pool."""
    order: Order = "label_free"
    """How candidates are sorted before the cut: by cosine distance to the centroid of their own
    class (paper), by distance to the nearest centroid of any class (`label_free`), or at random."""
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)] = (
        "class",
        "own_distance",
        "other_distance",
        "knn_label_agreement",
        "label_log_probability",
    )
    """Inputs of the controller for each candidate. `features` are the raw features (paper: 512),
    `principal_components` the first 16 of these; `nearest_candidate` reveals near duplicates."""
    context: tuple[Context, ...] = ("decision", "kept_share", "kept_mean")
    """Inputs of the controller on the state: the number of the decision, the share of each class
    kept so far, and the mean input of the kept candidates (with the input `features`, their mean
    feature)."""
