"""Settings of the peers."""

from typing import Annotated

from pydantic import Field

from rlsel.schema import config


@config
class PeersConfig:
    """What the peers may spend. Their heads are those of the probe with its default settings."""

    num_neighbours: Annotated[int, Field(ge=1)] = 10
    """K of KNN-Shapley."""
    num_bags: Annotated[int, Field(ge=2)] = 100
    """Bootstrap samples of Data-OOB, one head each."""
    num_fits: Annotated[int, Field(ge=4)] = 2000
    """Heads that Data Banzhaf trains, and TMC-Shapley at most."""
    truncation: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """TMC-Shapley gives the rest of a permutation nothing once the utility has come this near to
    that of the whole pool, relative to it, and stayed there."""
