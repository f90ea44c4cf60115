"""The name under which a job's result stands in the ledger."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from rlsel.rewards.jobs import Fidelity, Job, Split


@dataclass(frozen=True)
class JobKeys:
    """Job -> key. It is small, since every env runner gets a copy."""

    candidate_ids_N: np.ndarray
    recipes: dict[tuple[Fidelity, Split], str]
    """Digest of the data and settings that a result depends on beside seed and kept candidates."""
    arithmetic: str = "cpu fp32"
    """Device and precision of the evaluators (`machine.device.arithmetic`)."""

    def __call__(self, job: Job) -> str:
        """Hash of recipe, seed and kept ids; they are sorted, so the pool's order has no effect."""
        # A probe is solved exactly, so its result does not depend on the seed.
        seed = job.seed if job.fidelity != "probe" else 0
        recipe = self.recipes[job.fidelity, job.split]
        # A probe is always solved on a CPU in double precision.
        if job.fidelity != "probe":
            recipe += f"\0{self.arithmetic}"
        state = blake2b(recipe.encode(), digest_size=16)
        state.update(f"\0{seed}\0".encode())
        state.update("\0".join(sorted(self.candidate_ids_N[job.kept_N])).encode())
        return state.hexdigest()
