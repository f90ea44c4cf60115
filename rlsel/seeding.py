"""One seed per run, split by name: no stage disturbs the random numbers of another."""

import hashlib

import numpy as np


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """The generator of the stage called `names`: same seed and names, same numbers, anywhere."""
    return np.random.default_rng(derive_seed(seed, *names))


def derive_seed(seed: int, *names: str | int) -> int:
    """A 32-bit seed for code that takes an integer, such as `torch.manual_seed`."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
