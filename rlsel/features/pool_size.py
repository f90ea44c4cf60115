"""What the size of a pool costs a run in memory and time, said before anything is computed of it.

Extrapolated in a straight line from whole runs on embeddings with probes as rewards: memory from
benchmarks/records/pool_memory.json, time from benchmarks/records/pool_size.json
(docs/benchmarks/speed.md). Images of candidates lie in files and are not counted.
"""

from dataclasses import dataclass
from typing import NamedTuple

import psutil

from rlsel.errors import InputError
from rlsel.features.config import Input
from rlsel.features.problem import NUM_COMPONENTS
from rlsel.machine.memory import available_bytes
from rlsel.machine.monitoring import private_bytes
from rlsel.machine.wording import gib


class Supported(NamedTuple):
    """The largest pool that whole runs were measured with."""

    num_candidates: int = 1_048_576
    num_features: int = 512


SUPPORTED = Supported()
BYTES_OF_A_RUN = 2_900_000_000
"""What the processes of a run hold whatever the pool, on two cores."""
BYTES_EACH = 1600
"""Of a candidate: its columns, batches, ids and what a probe sees of it."""
BYTES_OF_A_FEATURE = 5
"""Four of them are the number itself."""
BYTES_OF_A_CLASS = 100
BYTES_OF_AN_INPUT = 53
SECONDS_EACH = 2.5e-4
"""Added to a run by a candidate, on two cores."""
LEAST_BYTES = 2**29
"""A pool that takes less is not refused, since it is not the pool that fills the memory then."""


@dataclass(frozen=True)
class PoolSize:
    """Numbers by which a pool costs memory."""

    num_candidates: int
    num_features: int
    """Numbers of all its features; 0 if that is not known yet."""
    num_classes: int
    inputs: tuple[Input, ...]
    """What the controller sees of a candidate, `features.inputs`."""

    @property
    def bytes_each(self) -> int:
        """Memory that a candidate takes in all processes of a machine."""
        several = {
            "class": self.num_classes,
            "features": self.num_features,
            "principal_components": NUM_COMPONENTS,
        }
        return (
            BYTES_EACH
            + BYTES_OF_A_FEATURE * self.num_features
            + BYTES_OF_A_CLASS * self.num_classes
            + BYTES_OF_AN_INPUT * sum(several.get(name, 1) for name in self.inputs)
        )

    @property
    def num_bytes(self) -> int:
        """Memory that a run on this pool takes."""
        return BYTES_OF_A_RUN + self.num_candidates * self.bytes_each

    @property
    def caution(self) -> str:
        """What a pool beyond `SUPPORTED` costs; empty for one within."""
        num, features = SUPPORTED
        num_numbers = self.num_candidates * max(self.num_features, features)
        if num_numbers <= num * features:
            return ""
        minutes = self.num_candidates * SECONDS_EACH / 60
        return (
            f"{self._words}: more than the {num:,} of {features} numbers up to which runs were "
            f"measured; by these a candidate costs {1000 * SECONDS_EACH:.2f} ms on two cores and "
            f"{self.bytes_each / 2**10:.1f} KiB, so the pool adds {minutes:,.0f} minutes or more, "
            f"and the run takes about {gib(self.num_bytes)} of memory"
        )

    def require_room(self) -> None:
        """Refuse a pool whose features and table do not fit into memory, before they are computed.

        Raises:
            InputError: they do not fit; the message has what is needed and what there is.
        """
        left = available_bytes() + int(private_bytes(psutil.Process()))
        if self.num_candidates * self.bytes_each < LEAST_BYTES or self.num_bytes <= left:
            return
        raise InputError(
            f"a run on {self._words} would take {gib(self.num_bytes)} of memory, and {gib(left)} "
            f"are available: {self._remedy(left)}"
        )

    @property
    def _words(self) -> str:
        numbers = f" of {self.num_features:,} numbers" if self.num_features else ""
        return f"{self.num_candidates:,} candidates{numbers}"

    def _remedy(self, left: int) -> str:
        """What the user may do, by what takes the memory."""
        fitting = max(0, left - BYTES_OF_A_RUN) // self.bytes_each // 1000 * 1000
        ways = [f"give at most {fitting:,} candidates" if fitting else "give fewer candidates"]
        if "features" in self.inputs:
            ways.append("leave features out of features.inputs")
        if 4 * BYTES_OF_A_FEATURE * self.num_features > 3 * self.bytes_each:
            ways.append("take features with fewer numbers")
        return ", ".join([*ways, "or take a machine with more memory"])
