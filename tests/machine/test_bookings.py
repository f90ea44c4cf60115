"""Who waits for GPUs or cores is told which jobs hold them."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from rlsel.machine.cluster.bookings import Booking, held_by_others, in_words

DRIVERS = {"02": "process 7 on 10.0.0.5", "03": "process 9 on 10.0.0.6"}
OURS = Booking("01", 1.0, "Evaluator")


def words(*bookings: Booking, booked: float | None = None) -> str:
    total = sum(one.amount for one in bookings) if booked is None else booked
    return in_words(bookings, DRIVERS, "01", "GPU", total)


def test_what_this_job_holds_is_not_told() -> None:
    assert words(OURS, OURS) == ""


def test_a_job_is_told_with_its_process_and_all_that_it_holds() -> None:
    trainer, group = Booking("02", 0.5, "Trainer"), Booking("02", 2.0, "a placement group 'g'")

    assert words(OURS, trainer, trainer, group) == (
        "GPUs are held: 3 by Ray job 02 (process 7 on 10.0.0.5: 2 x Trainer, a placement group 'g')"
    )


def test_the_job_that_holds_most_comes_first_and_the_last_are_counted() -> None:
    many = [Booking(f"1{n}", float(n), "A") for n in range(1, 7)]

    assert words(*many) == (
        "GPUs are held: 6 by Ray job 16 (its process has ended: A), 5 by Ray job 15 (its process "
        "has ended: A), 4 by Ray job 14 (its process has ended: A), 6 by 3 more jobs"
    )


def test_what_nobody_is_known_to_hold_is_held_by_tasks() -> None:
    assert words(OURS, booked=2.5) == "GPUs are held: 1.5 by tasks"


HOLDER = """
import sys
import ray
from ray.util.placement_group import placement_group

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)


@ray.remote(num_cpus=0.25)
class Holder:
    def is_up(self):
        return True


holder = Holder.options(name="anna's").remote()
group = placement_group([{"CPU": 0.5}], name="hers")
ray.get([holder.is_up.remote(), group.ready()])
print(ray.get_runtime_context().get_job_id(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_job(ray_cluster: None) -> Iterator[tuple[str, int]]:
    """Another process that holds three quarters of a core: its job and process id."""
    import ray

    address = ray.get_runtime_context().gcs_address
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.communicate("")


@pytest.mark.slow
def test_ray_knows_what_another_process_holds(other_job: tuple[str, int]) -> None:
    job, pid = other_job

    said = held_by_others("CPU", 0.75)

    assert f"0.75 by Ray job {job} (process {pid} on " in said
    assert 'Holder "anna\'s"' in said
    assert "a placement group 'hers'" in said
    assert held_by_others("GPU", 0.0) == ""
