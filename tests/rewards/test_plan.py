"""How many evaluators a cluster gets, what they book, and who has which cores."""

import math

import pytest

from rlsel.errors import InputError
from rlsel.rewards.plan import (
    EvaluatorsConfig,
    Place,
    plan_evaluators,
    require_possible,
    share_cores,
)


def places_for(nodes, cpus_each: float, gpus_each: float) -> int:
    """Evaluators that Ray finds a place for, on its own counting."""
    num = 0
    for cpus, gpus in nodes:
        by_cpu = math.floor(cpus / cpus_each + 1e-9) if cpus_each else 1_000_000
        per_gpu = math.floor(1 / gpus_each + 1e-9) if gpus_each else 0
        on_gpus = int(gpus) * per_gpu if per_gpu else math.floor(gpus / gpus_each)
        num += min(by_cpu, on_gpus)
    return num


@pytest.mark.parametrize(
    ("config", "nodes", "expected"),
    [
        # One a core, and a part of every core is left to the env runners.
        ({}, [(1.0, 0.0)], (1, 0.75, 0.0)),
        ({}, [(2.0, 0.0)], (2, 0.75, 0.0)),
        ({}, [(64.0, 0.0)], (64, 0.75, 0.0)),
        ({}, [(0.5, 0.0)], (1, 0.37, 0.0)),
        ({"count": 3}, [(8.0, 0.0)], (3, 1.0, 0.0)),
        ({"count": 5}, [(2.0, 0.0)], (5, 0.3, 0.0)),
        # One a GPU.
        ({}, [(16.0, 1.0)], (1, 1.0, 1.0)),
        ({"gpus_each": 0.25}, [(16.0, 1.0)], (4, 1.0, 0.25)),
        ({}, [(96.0, 8.0)], (8, 1.0, 1.0)),
        ({}, [(8.0, 0.0)] + [(32.0, 8.0)] * 5, (40, 1.0, 1.0)),
        ({"gpus_each": 0.1}, [(16.0, 1.0)], (10, 1.0, 0.1)),  # 1 / 0.1 is no whole number
        ({"gpus_each": 0.25, "count": 3}, [(2.0, 2.0)], (3, 0.5, 0.25)),
        ({"gpus_each": 2.0}, [(16.0, 4.0)], (2, 1.0, 2.0)),
        # An evaluator cannot have 0.1 of one GPU and 0.2 of the next.
        ({"gpus_each": 0.3}, [(96.0, 8.0)], (24, 1.0, 0.3)),
        ({"gpus_each": 0.75}, [(96.0, 8.0)], (8, 1.0, 0.75)),
        # Fewer cores than GPUs, and cores on machines without any.
        ({}, [(4.0, 8.0)], (8, 0.37, 1.0)),
        ({}, [(64.0, 0.0), (4.0, 8.0)], (8, 0.37, 1.0)),
        # Asked for outright, though no GPU is up yet: an autoscaling cluster starts the nodes.
        ({"gpus_each": 0.5, "count": 3}, [(8.0, 0.0)], (3, 0.37, 0.5)),
        ({"gpus_each": 1.0, "count": 3}, [(0.0, 0.0)], (3, 0.75, 1.0)),
    ],
)
def test_evaluators_fill_the_gpus_or_else_the_cores(config, nodes, expected) -> None:
    plan = plan_evaluators(EvaluatorsConfig(**config), nodes)

    assert (plan.count, plan.cpus_each, plan.gpus_each) == expected


@pytest.mark.parametrize("gpus_each", [0.1, 0.25, 0.3, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(
    "nodes",
    [
        [(1.0, 8.0)],
        [(2.0, 4.0), (32.0, 4.0)],
        [(64.0, 0.0), (4.0, 8.0), (3.0, 4.0)],
        [(8.0, 4.0)] * 10,
    ],
)
def test_every_evaluator_on_a_gpu_finds_its_place(nodes, gpus_each: float) -> None:
    plan = plan_evaluators(EvaluatorsConfig(gpus_each=gpus_each), nodes)

    assert places_for(nodes, plan.cpus_each, gpus_each) >= plan.count > 0


@pytest.mark.parametrize("count", [None, 1, 5, 7, 31])
@pytest.mark.parametrize("cores", [[1.0], [1.0, 3.0], [1.5, 1.5], [64.0, 2.0, 2.0]])
def test_every_evaluator_on_a_core_finds_its_place(cores, count: int | None) -> None:
    plan = plan_evaluators(EvaluatorsConfig(count=count), [(num, 0.0) for num in cores])

    assert sum(math.floor(num / plan.cpus_each + 1e-9) for num in cores) >= plan.count


@pytest.mark.parametrize(
    ("config", "nodes", "reason"),
    [
        ({}, [(1.0, 0.0)], "1 core, no GPU"),
        ({}, [(16.0, 0.0), (48.0, 0.0)], "64 cores, no GPU"),
        ({"gpus_each": 0.25}, [(16.0, 1.0)], "1 GPU, each evaluator 0.25"),
        ({}, [(32.0, 8.0)] * 5, "40 GPUs, each evaluator 1"),
        ({"count": 3}, [(32.0, 8.0)], "evaluators.count"),
    ],
)
def test_the_reason_says_what_the_number_comes_from(config, nodes, reason: str) -> None:
    assert plan_evaluators(EvaluatorsConfig(**config), nodes).reason == reason


def test_cores_of_a_machine_are_shared_out_without_overlap() -> None:
    shares = share_cores([Place("a", tuple(range(3, 16)))] * 3)

    pinned = [core for cores in shares for core in cores]
    assert len(pinned) == len(set(pinned)) == 12
    assert set(pinned) <= set(range(3, 16))
    assert {len(cores) for cores in shares} == {4}


def test_each_machine_is_shared_out_by_itself() -> None:
    a, b = Place("a", (0, 1)), Place("b", (0, 1))

    assert share_cores([a, b, a]) == [(0,), (0, 1), (1,)]


def test_more_evaluators_than_cores_are_not_pinned() -> None:
    place = Place("a", (5, 7))

    # All of its cores: an evaluator that was pinned to one of them is let go.
    assert share_cores([place] * 3) == [(5, 7)] * 3


@pytest.mark.parametrize(
    ("cores", "count", "num_threads"),
    [
        ([2.0], None, 1),
        ([2.0], 1, 1),  # a core is left to the env runners
        ([0.5], 1, 1),
        ([64.0], None, 1),
        ([64.0], 4, 12),
        ([8.0, 64.0], 1, 6),  # nobody knows yet on which of them it will be
    ],
)
def test_threads_leave_the_env_runners_their_part(
    cores: list[float], count: int | None, num_threads: int
) -> None:
    plan = plan_evaluators(EvaluatorsConfig(count=count), [(num, 0.0) for num in cores])

    assert plan.threads_each == num_threads


@pytest.mark.parametrize(
    ("config", "nodes", "left"),
    [
        ({}, [(16.0, 1.0)], 0.25),
        ({}, [(96.0, 8.0)], 0.25),
        ({"gpus_each": 0.3}, [(16.0, 1.0)], 0.1),
        ({"gpus_each": 1.0}, [(16.0, 1.0)], 0.0),
        ({"gpus_each": 0.1}, [(16.0, 1.0)], 0.0),
        ({}, [(16.0, 0.0)], 0.0),
    ],
)
def test_a_sweep_s_evaluators_leave_a_part_of_each_gpu_to_the_trials(config, nodes, left) -> None:
    plan = plan_evaluators(EvaluatorsConfig(**config), nodes, gpu_share=0.75)

    assert plan.gpu_left == left


@pytest.mark.parametrize(
    ("config", "nodes", "free", "expected"),
    [
        ({}, [(8.0, 0.0)], [(3.0, 0.0)], (3, 0.75, 0.0, "3 of 8 cores free, no GPU")),
        ({}, [(16.0, 4.0)], [(13.0, 1.0)], (1, 1.0, 1.0, "1 of 4 GPUs free, each evaluator 1")),
        ({"count": 4}, [(8.0, 0.0)], [(2.0, 0.0)], (4, 0.37, 0.0, "evaluators.count")),
        # Nothing that one could use: it waits for its full part.
        ({}, [(8.0, 0.0)], [(0.25, 0.0)], (8, 0.75, 0.0, "8 cores, no GPU")),
        ({}, [(16.0, 2.0)], [(13.0, 0.0)], (2, 1.0, 1.0, "2 GPUs, each evaluator 1")),
    ],
)
def test_it_is_planned_by_what_others_have_left(config, nodes, free, expected) -> None:
    plan = plan_evaluators(EvaluatorsConfig(**config), nodes, free=free)

    assert (plan.count, plan.cpus_each, plan.gpus_each, plan.reason) == expected


@pytest.mark.parametrize("count", [None, 1, 3])
def test_threads_do_not_depend_on_who_else_is_there(count: int | None) -> None:
    config, nodes = EvaluatorsConfig(count=count), [(17.0, 0.0)]

    busy = plan_evaluators(config, nodes, free=[(2.0, 0.0)])

    assert busy.threads_each == plan_evaluators(config, nodes).threads_each


@pytest.mark.parametrize(
    ("config", "nodes", "said"),
    [
        (
            {"count": 2, "gpus_each": 1.0},
            [(2.0, 0.0)],
            "room for 0; leave out evaluators",
        ),
        ({"count": 2, "gpus_each": 1.0}, [(8.0, 1.0)], "room for 1; lower evaluators.count"),
        ({"gpus_each": 2.0}, [(8.0, 1.0), (8.0, 1.0)], "room for 0; lower evaluators.count or"),
    ],
)
def test_what_can_never_be_is_refused(config, nodes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_possible(plan_evaluators(EvaluatorsConfig(**config), nodes), nodes)


@pytest.mark.parametrize("nodes", [[(2.0, 0.0)], [(0.5, 0.0)], [(4.0, 8.0)], [(8.0, 1.0)] * 3])
@pytest.mark.parametrize("count", [None, 1])
def test_what_is_planned_for_what_there_is_is_possible(nodes, count: int | None) -> None:
    require_possible(plan_evaluators(EvaluatorsConfig(count=count), nodes), nodes)
