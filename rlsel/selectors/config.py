"""Settings of the selection."""

from typing import Annotated, Literal

from pydantic import Field

from rlsel.schema import config

Method = Literal["controller", "keep_all", "uniform", "centroid"]


@config
class SelectionConfig:
    """Which methods compete, and how many candidates they may keep."""

    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = (
        "keep_all",
        "uniform",
        "centroid",
        "controller",
    )
    """`real_only` always stands beside them, and `oracle` where the pool's truth is known."""
    keep_fraction: Annotated[float | None, Field(gt=0, le=1)] = None
    """Share of the pool to keep. None lets the controller set it (the paper); every other method
    but `keep_all` then keeps exactly as many. Without a controller None means one half (paper)."""
