"""What an evaluator does when its GPU is full: played by a workbench, as there need be no GPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import ray
from fake_evaluator import job_of
from small_workbench import small_workbench

from rlsel.machine.device_memory import DeviceFullError
from rlsel.rewards import Evaluation, Fidelity, Job, Workbench, evaluators
from rlsel.rewards.evaluators import Evaluator


@dataclass(frozen=True)
class SmallGpu(Workbench):
    """A workbench on a GPU that takes so many trainings at once."""

    fits: Callable[[int], bool] = lambda num: True
    tried: list[list[Job]] = field(default_factory=list)

    def group_size(self, fidelity: Fidelity) -> int:
        return 13

    def evaluate_many(self, jobs: Sequence[Job]) -> list[Evaluation]:
        self.tried.append(list(jobs))
        if not self.fits(len(jobs)):
            raise DeviceFullError("out of memory on the GPU: 2 trainings; lower classifier.lr")
        return [Evaluation({"auc": [0.5]}, int(job.kept_N.sum()), 0.1) for job in jobs]


def gpu_for(num: int) -> SmallGpu:
    return gpu_that(lambda asked: asked <= num)


def gpu_that(fits: Callable[[int], bool]) -> SmallGpu:
    return SmallGpu(**vars(small_workbench()), fits=fits)


def evaluator_with(bench: Workbench, gpus_each: float = 1.0) -> Evaluator:
    evaluator = Evaluator(gpus_each)
    evaluator._workbenches["run"] = bench
    return evaluator


ELEVEN = [job_of(n) for n in range(1, 12)]


@pytest.mark.parametrize(
    ("fitting", "tried"),
    [(13, [11]), (6, [11, 6, 5]), (5, [11, 6, 3, 3, 3, 2]), (2, [11, 6, 3] + [2] * 5 + [1])],
)
def test_a_group_that_does_not_fit_is_halved_until_it_does(fitting: int, tried: list[int]) -> None:
    bench = gpu_for(fitting)

    evaluations, _ = bench.carry_out(ELEVEN, len(ELEVEN))

    assert [evaluation.num_train for evaluation in evaluations] == list(range(1, 12))
    assert [len(group) for group in bench.tried] == tried


def test_the_smaller_size_is_remembered_for_the_fidelity() -> None:
    bench = gpu_for(3)
    evaluator = evaluator_with(bench)

    first = evaluator.evaluate("run", [], ELEVEN)
    num_tried = len(bench.tried)
    second = evaluator.evaluate("run", [], ELEVEN)

    assert first.group_size == second.group_size == 3
    assert [len(group) for group in bench.tried[num_tried:]] == [3, 3, 3, 2]
    assert evaluator.evaluate("run", [], [job_of(1, "probe")]).group_size == 13


def test_it_is_told_once() -> None:
    evaluator = evaluator_with(gpu_for(3))

    warnings = [evaluator.evaluate("run", [], ELEVEN).warning for _ in range(3)]

    assert warnings[1:] == ["", ""]
    assert "11 full trainings at once did not fit" in warnings[0]


def test_a_small_group_says_nothing_of_a_larger_one() -> None:
    answers = evaluator_with(gpu_for(3)).evaluate("run", [], [job_of(5), job_of(7)])

    assert (answers.group_size, answers.warning) == (13, "")


@pytest.mark.parametrize(
    ("gpus_each", "remedy"),
    [(1.0, "or use a larger GPU"), (0.25, "or raise evaluators.gpus_each (0.25)")],
)
def test_where_a_lone_training_does_not_fit_what_it_needed_is_said_with_a_remedy(
    gpus_each: float, remedy: str
) -> None:
    evaluator = evaluator_with(gpu_for(0), gpus_each)

    with pytest.raises(DeviceFullError, match=r"2 trainings; lower classifier\.lr") as raised:
        evaluator.evaluate("run", [], [job_of(5), job_of(7)])

    assert remedy in str(raised.value)


def test_the_run_that_was_used_longest_ago_makes_room_for_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluators.ray, "get", lambda _: gpu_for(1))
    reference = [ray.ObjectRef.from_random()]
    evaluator = Evaluator(1.0)
    for name in [*"abcd", "a", "e"]:
        evaluator.evaluate(name, reference, [job_of(1)])

    assert list(evaluator._workbenches) == ["c", "d", "a", "e"]


def test_images_of_another_run_make_room_before_anybody_is_blamed() -> None:
    bench = gpu_that(lambda num: num == 1 and "another run" not in evaluator._workbenches)
    evaluator = evaluator_with(bench)
    evaluator._workbenches["another run"] = gpu_for(1)

    answers = evaluator.evaluate("run", [], [job_of(5), job_of(7)])

    assert [evaluation.num_train for evaluation in answers.evaluations] == [5, 7]
