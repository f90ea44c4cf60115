"""What TensorBoard is given is what the rows of the iterations say."""

from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event

from rlsel.runs.tensorboard import FOLDER, TensorBoard


def row(iteration: int) -> dict[str, Any]:
    return {
        "evaluations": 128.0 * iteration,
        "reward_mean": 0.5 + 0.25 * iteration,
        "grad_norm": float("nan"),
        "keep_fraction_per_class": {"normal": 0.25},
    }


def scalars(run_dir: Path) -> list[tuple[str, int, float]]:
    """Read the event files back: an 8-byte length, its checksum, the record, its checksum."""
    found = []
    for path in sorted((run_dir / FOLDER).glob("events.*")):
        content, start = path.read_bytes(), 0
        while start < len(content):
            size = int.from_bytes(content[start : start + 8], "little")
            event = Event.FromString(content[start + 12 : start + 12 + size])
            found += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
            start += 12 + size + 4
    return found


def test_figures_stand_at_the_evaluations_they_took(tmp_path: Path) -> None:
    with TensorBoard(tmp_path) as board:
        board.show(row(1))
        board.show(row(2))

    assert scalars(tmp_path) == [
        ("reward/reward_mean", 128, 0.75),
        ("kept_of_class/normal", 128, 0.25),
        ("reward/reward_mean", 256, 1.0),
        ("kept_of_class/normal", 256, 0.25),
    ]


def test_a_run_that_goes_on_leaves_no_figure_twice(tmp_path: Path) -> None:
    for last in (1, 2):
        with TensorBoard(tmp_path) as board:
            for iteration in range(1, last + 1):
                board.show(row(iteration))

    assert [step for name, step, _ in scalars(tmp_path) if name.startswith("reward/")] == [128, 256]


def test_classes_keep_their_names_and_their_curves(tmp_path: Path) -> None:
    shares = {"<5mm": 0.25, ">5mm": 0.5, "良性": 0.75, "a/b": 0.125, "Tumour (grade 3)": 1.0}

    with TensorBoard(tmp_path) as board:
        board.show(row(1) | {"keep_fraction_per_class": shares})

    found = {tag: value for tag, _, value in scalars(tmp_path) if tag.startswith("kept_of_class")}
    assert found == {f"kept_of_class/{name}": share for name, share in shares.items()}


def test_a_run_that_learns_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with TensorBoard(tmp_path):
        pass

    assert not (tmp_path / FOLDER).exists()
