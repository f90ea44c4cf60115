"""The number of torch threads in a process that trains outside of the evaluators."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def few_threads() -> Iterator[None]:
    """One torch thread for every four cores.

    Trainings on small images gain little from more threads (measured on two cores: 249 images/s
    with one thread, 290 with two). On a busy machine they would lose nine tenths of their speed,
    because threads wait for each other at every layer.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // 4))
    try:
        yield
    finally:
        torch.set_num_threads(before)
