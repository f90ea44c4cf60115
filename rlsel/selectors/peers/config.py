"""Settings of the peers."""

from typing import Annotated

from pydantic import Field

from rlsel.schema import config


@config
class PeersConfig:
    """What the peers may spend, and the model that they spend it on."""

    num_components: Annotated[int, Field(ge=1)] = 48
    """Principal components of real + candidates that the heads see, as the probe does."""
    l2: Annotated[float, Field(gt=0)] = 0.003
    """Penalty of the logistic heads, on the scale of `reward.probe.l2`."""
    num_neighbours: Annotated[int, Field(ge=1)] = 10
    """K of KNN-Shapley."""
    num_bags: Annotated[int, Field(ge=2)] = 100
    """Bootstrap samples of Data-OOB, one head each."""
    num_fits: Annotated[int, Field(ge=4)] = 2000
    """Heads that Data Banzhaf trains, and TMC-Shapley at most."""
    truncation: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """TMC-Shapley gives the rest of a permutation nothing once the utility has come this near to
    that of the whole pool, relative to it, and stayed there."""
