"""Work of the stages on evaluators: results, lines, checkpoints, and evaluators that are lost."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray import cloudpickle

from rlsel.errors import InputError, find_input_error
from rlsel.machine.workplace import OnSave
from rlsel.rewards.elsewhere import OnEvaluators
from rlsel.rewards.plan import EvaluatorPlan
from rlsel.rewards.pool import running_broker

pytestmark = pytest.mark.slow
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # evaluators cannot import tests


@pytest.fixture(scope="module")
def broker(ray_cluster: None) -> Iterator[Any]:
    with running_broker(EvaluatorPlan(2, 0.5, 0.0, "for tests")) as broker:
        yield broker


@pytest.fixture
def there(broker: Any) -> OnEvaluators:
    return OnEvaluators(broker)


def pid_and_sum(x_N: np.ndarray) -> tuple[int, float]:
    from rlsel.machine.progress import console  # which cannot be pickled

    console.print(f"adding {len(x_N)} numbers")
    return os.getpid(), float(x_N.sum())


def test_the_result_comes_from_another_process(
    there: OnEvaluators, capsys: pytest.CaptureFixture[str]
) -> None:
    x_N = np.arange(101.0)

    pid, total = there.run(lambda: pid_and_sum(x_N))

    assert pid != os.getpid()
    assert total == 5050.0
    assert "adding 101 numbers" in capsys.readouterr().out


def test_it_is_told_where_the_work_was_done(there: OnEvaluators) -> None:
    there.run(lambda: None)

    (node,) = ray.nodes()
    assert there.places() == [f"{os.uname().nodename}, cpu, Ray node {node['NodeID'][:8]}"]
    assert there.places() == []


def test_what_is_computed_by_is_that_of_the_evaluators(there: OnEvaluators) -> None:
    assert there.computed_by()[0] == "cpu"
    assert there.places() == [], "a question is no work"


def test_a_mistake_of_the_user_stays_one(there: OnEvaluators) -> None:
    def refuse() -> None:
        raise InputError("images: too few")

    with pytest.raises(Exception, match="too few") as caught:
        there.run(refuse)

    assert str(find_input_error(caught.value)) == "images: too few"


KEPT = ["deep/*"]
NOBODY = Path("/nowhere")


def count_to_five(folder: Path, on_save: OnSave, dies_at: int, victim: Path) -> list[int]:
    """Saves each number in the folder, and ends its process once, at `dies_at`."""
    seen = []
    file = folder / "deep" / "count"
    while (count := int(file.read_text()) if file.exists() else 0) < 5:
        if count == dies_at and not victim.exists():
            victim.touch()
            time.sleep(0.5)  # until the checkpoint is on its way
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(count + 1)
        file.parent.mkdir(exist_ok=True)
        file.write_text(str(count + 1))
        on_save()
    return seen


def test_checkpoints_arrive_in_the_folder_of_the_run(there: OnEvaluators, tmp_path: Path) -> None:
    saved: list[str] = []
    folder = tmp_path / "run"

    def note() -> None:
        saved.append((folder / "deep" / "count").read_text())

    seen = there.run_in(
        folder, ["deep/*"], lambda f, s: count_to_five(f, s, -1, tmp_path / "none"), note
    )

    assert seen == [1, 2, 3, 4, 5]
    assert saved[:5] == ["1", "2", "3", "4", "5"]


def test_work_goes_on_from_what_the_folder_holds(there: OnEvaluators, tmp_path: Path) -> None:
    (tmp_path / "run" / "deep").mkdir(parents=True)
    (tmp_path / "run" / "deep" / "count").write_text("3")

    seen = there.run_in(
        tmp_path / "run",
        ["deep/*"],
        lambda f, s: count_to_five(f, s, -1, tmp_path / "none"),
        lambda: None,
    )

    assert seen == [4, 5]


def test_a_lost_evaluator_costs_what_came_after_its_checkpoint(
    there: OnEvaluators, tmp_path: Path
) -> None:
    seen = there.run_in(
        tmp_path / "run",
        ["deep/*"],
        lambda f, s: count_to_five(f, s, 2, tmp_path / "victim"),
        lambda: None,
    )

    assert (tmp_path / "victim").exists()
    assert seen == [3, 4, 5]
    assert (tmp_path / "run" / "deep" / "count").read_text() == "5"


def test_work_that_ends_every_evaluator_is_given_up_in_one_line(there: OnEvaluators) -> None:
    with pytest.raises(InputError, match="3 evaluators were lost to the same work: its process"):
        there.run(lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_message_names_the_folder_of_the_run(there: OnEvaluators, tmp_path: Path) -> None:
    def refuse(folder: Path, on_save: OnSave) -> None:
        raise InputError(f"{folder}/generator.pt: is damaged")

    with pytest.raises(Exception, match="is damaged") as caught:
        there.run_in(tmp_path / "run", [], refuse, lambda: None)

    said = str(find_input_error(caught.value))
    assert said == f"{tmp_path}/run/generator.pt: is damaged"


def test_more_work_than_evaluators_waits_its_turn(broker: Any) -> None:
    @ray.remote(num_cpus=0)
    def ask(number: int) -> int:
        return OnEvaluators(broker).run(lambda: (time.sleep(0.2), number)[1])

    assert ray.get([ask.remote(number) for number in range(5)]) == [0, 1, 2, 3, 4]
