"""How much memory is left, where a control group leaves less than the machine has."""

from pathlib import Path

import psutil
import pytest

from rlsel.errors import InputError
from rlsel.machine import memory
from rlsel.machine.memory import available_bytes, require_memory

MIB = 2**20


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of that of control groups, with this process in the group /job/step."""
    limits = {
        tmp_path: memory.LIMITS[memory.GROUPS],
        tmp_path / "memory": memory.LIMITS[memory.GROUPS / "memory"],
    }
    monkeypatch.setattr(memory, "LIMITS", limits)
    monkeypatch.setattr(memory, "_own_group", lambda is_first_version: "/job/step")
    return tmp_path


def write(group: Path, **files: object) -> None:
    group.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (group / f"memory.{name}").write_text(f"{content}\n")


def of_machine() -> int:
    return psutil.virtual_memory().available + psutil.swap_memory().free


def test_without_a_limit_it_is_what_the_machine_has(groups: Path) -> None:
    write(groups / "job/step", max="max", current=5 * MIB, stat="anon 5")

    assert available_bytes() == pytest.approx(of_machine(), rel=0.2)


@pytest.mark.parametrize("limited", ["job/step", "job", ""])
def test_a_limit_of_version_2_holds_for_the_groups_within(groups: Path, limited: str) -> None:
    stat = f"anon {3 * MIB}\ninactive_file {MIB}\nactive_file {MIB}\nworkingset_activate_file 7"
    write(groups / limited, max=20 * MIB, current=7 * MIB, stat=stat)

    assert available_bytes() == 15 * MIB, "pages of files are given up when memory gets short"


def test_a_limit_of_version_1_counts_the_inner_groups_once(groups: Path) -> None:
    stat = f"inactive_file {MIB}\nactive_file 0\ntotal_inactive_file {2 * MIB}\ntotal_active_file 0"
    write(groups / "memory/job", limit_in_bytes=20 * MIB, usage_in_bytes=7 * MIB, stat=stat)

    assert available_bytes() == 15 * MIB


def test_a_group_that_is_over_its_limit_has_nothing_left(groups: Path) -> None:
    write(groups / "job", max=5 * MIB, current=7 * MIB, stat="")

    assert available_bytes() == 0


def test_the_group_of_this_process_is_the_one_that_linux_names() -> None:
    for is_first_version in (True, False):
        assert memory._own_group(is_first_version)[:1] in ("/", "")


def test_what_does_not_fit_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 3 * 2**30)

    require_memory(3 * 2**30, "a table", "make it smaller")
    with pytest.raises(InputError) as raised:
        require_memory(7 * 2**29, "a table", "make it smaller")

    assert str(raised.value) == (
        "a table would take 3.5 GiB of memory, and 3.0 GiB are available: make it smaller"
    )
