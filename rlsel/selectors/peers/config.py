"""Settings of the peers."""

from typing import Annotated

from pydantic import Field

from rlsel.schema import config


@config
class PeersConfig:
    """Budgets and parameters of the peers. Their heads are those of the default probe."""

    num_neighbours: Annotated[int, Field(ge=1)] = 10
    """K of KNN-Shapley."""
    num_bags: Annotated[int, Field(ge=2)] = 100
    """Bootstrap samples of Data-OOB. Each trains a head."""
    num_fits: Annotated[int, Field(ge=4)] = 2000
    """Heads that Data Banzhaf trains, and that TMC-Shapley trains at most."""
    truncation: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """TMC-Shapley ends a permutation once the utility stays this close to that of the whole pool,
    relative to it. The remaining candidates then gain nothing in this permutation."""
