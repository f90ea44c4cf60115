"""How many threads torch works with, where a process trains outside of the evaluators."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def few_threads() -> Iterator[None]:
    """One thread for every four cores. Small images gain little from more (measured on two cores:
    249 images/s with one thread, 290 with two), and lose nine tenths of their speed on a busy
    machine, where threads wait for each other at every layer."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // 4))
    try:
        yield
    finally:
        torch.set_num_threads(before)
