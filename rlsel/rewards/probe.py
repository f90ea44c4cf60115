"""Settings of the cheapest fidelity: a logistic head, refitted for every set of candidates."""

from typing import Annotated

from pydantic import Field

from rlsel.schema import config


@config
class ProbeConfig:
    """A multinomial logistic head with an L2 penalty, on principal components of the features."""

    num_components: Annotated[int, Field(ge=1)] = 48
    """Principal components of real + candidates that the head sees."""
    l2: Annotated[float, Field(gt=0)] = 0.003
    """Penalty on the squared weights against the mean log-loss, at unit mean squared feature."""
