"""The name under which a job's result stands in the ledger."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from rlsel.rewards.jobs import Fidelity, Job, Split

PLAIN = "cpu fp32"
"""Not named in a key, so that ledgers from before it could be are still read."""


@dataclass(frozen=True)
class JobKeys:
    """Job -> key. Small, so that it travels to whoever asks for evaluations."""

    candidate_ids_N: np.ndarray
    recipes: dict[tuple[Fidelity, Split], str]
    """Digest of all that a result depends on besides seed and kept candidates: data, settings."""
    arithmetic: str = PLAIN
    """In which whoever carries out the jobs trains (`machine.device.arithmetic`)."""

    def __call__(self, job: Job) -> str:
        """Hash of recipe, seed and the kept ids, sorted: the order of the pool does not matter."""
        # A probe is solved exactly, so its result is the same for every seed.
        seed = job.seed if job.fidelity != "probe" else 0
        recipe = self.recipes[job.fidelity, job.split]
        # A probe is solved on a CPU in double precision, wherever that is.
        if job.fidelity != "probe" and self.arithmetic != PLAIN:
            recipe += f"\0{self.arithmetic}"
        state = blake2b(recipe.encode(), digest_size=16)
        state.update(f"\0{seed}\0".encode())
        state.update("\0".join(sorted(self.candidate_ids_N[job.kept_N])).encode())
        return state.hexdigest()
