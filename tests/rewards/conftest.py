"""A ledger on disk, opened as often as asked.

rlsel is imported in the fixture: what conftest imports goes unchecked by jaxtyping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rlsel.rewards import Ledger


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def open_ledger(ledger_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Opens the ledger as often as asked; all are closed in the end."""
    from rlsel.rewards import Ledger

    ledgers: list[Ledger] = []

    def open_one() -> Ledger:
        ledgers.append(Ledger(ledger_path))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()
