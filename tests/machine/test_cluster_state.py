"""What a waiting user is told of the cluster."""

import pytest

from rlsel.machine.cluster import state

ADVICE = "this run goes on by itself once they are free: wait, end those jobs, or add machines"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[float, float]]]:
    """Cores and GPUs of the machines and what is free of them, which a test sets."""
    there = {"all": [(4.0, 1.0), (8.0, 3.0)], "free": [(4.0, 0.0), (6.5, 0.0)]}
    monkeypatch.setattr(state, "nodes", lambda: there["all"])
    monkeypatch.setattr(state, "free", lambda: there["free"])
    monkeypatch.setattr(state, "_status", lambda: None)
    monkeypatch.setattr(
        state, "held_by_others", lambda resource, booked: f"{booked:g} {resource} are hers"
    )
    return there


def test_who_holds_the_gpus_is_told_with_what_to_do(cluster) -> None:
    assert state.describe() == (
        f"10.5 of 12 cores and 0 of 4 GPUs are free; 4 GPU are hers; {ADVICE}"
    )


def test_where_a_gpu_is_free_nobody_is_told_of(cluster) -> None:
    cluster["free"] = [(4.0, 0.0), (6.5, 1.0)]

    assert state.describe() == "10.5 of 12 cores and 1 of 4 GPUs are free"


def test_of_a_cluster_without_gpus_its_cores_are_told_of(cluster) -> None:
    cluster |= {"all": [(2.0, 0.0)], "free": [(0.5, 0.0)]}

    assert state.describe() == f"0.5 of 2 cores are free; 1.5 CPU are hers; {ADVICE}"


def test_where_this_run_holds_all_itself_there_is_nobody_to_wait_for(
    cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "held_by_others", lambda resource, booked: "")

    assert state.describe() == "10.5 of 12 cores and 0 of 4 GPUs are free"
