"""A run folder belongs to one experiment, and an interrupted run is found again."""

import os
from pathlib import Path
from typing import Any

import pytest

from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, build_experiment
from rlsel.runs import folder as run_folder
from rlsel.runs.claim import RUNS, claim
from rlsel.runs.config_file import CONFIG, read_experiment
from rlsel.runs.folder import RunFolder
from rlsel.runs.record import LAYOUT, Record

EXPERIMENT = build_experiment({"name": "mine"}, "here")
STEM = f"mine-{EXPERIMENT.hash[:6]}-seed0"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def blank(experiment: Experiment = EXPERIMENT) -> Record:
    return Record(
        name=experiment.name,
        config_hash=experiment.hash,
        seed=experiment.seed,
        finished=False,
        layout=LAYOUT,
    )


def take(
    out: Path | None = None, resume: bool = False, experiment: Experiment = EXPERIMENT
) -> RunFolder:
    """Claimed, and let go of at once, so that the next may have it."""
    with claim(experiment, out, resume, blank(experiment)) as folder:
        return folder


def other(**changes: Any) -> Experiment:
    return build_experiment({"name": "mine", **changes}, "here")


def test_a_fresh_folder_holds_the_complete_config(tmp_path: Path) -> None:
    folder = take(tmp_path / "deep" / "run")

    assert folder.path == tmp_path / "deep" / "run"
    assert read_experiment(folder.path) == EXPERIMENT
    assert folder.record == blank()


def test_an_empty_folder_that_exists_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    assert read_experiment(take(tmp_path / "run").path) == EXPERIMENT


def test_a_folder_of_the_same_run_is_refused_without_resume(tmp_path: Path) -> None:
    take(tmp_path / "run")

    with pytest.raises(InputError, match=r"holds a run of this experiment already; add --resume"):
        take(tmp_path / "run")


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("changes", [{"seed": 1}, {"algorithm": {"clip": 0.3}}])
def test_a_folder_of_another_experiment_is_refused(
    changes: dict[str, Any], resume: bool, tmp_path: Path
) -> None:
    take(tmp_path / "run")
    before = (tmp_path / "run" / CONFIG).read_bytes()

    with pytest.raises(InputError, match=r"holds the run of another experiment.*another --out"):
        take(tmp_path / "run", resume, other(**changes))

    assert (tmp_path / "run" / CONFIG).read_bytes() == before


def test_a_run_may_go_on_under_another_name_and_on_another_machine(tmp_path: Path) -> None:
    take(tmp_path / "run")
    renamed = other(name="renamed", evaluators={"count": 3})

    assert take(tmp_path / "run", True, renamed).path == tmp_path / "run"


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_with_files_of_somebody_else_is_refused(resume: bool, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.png").write_bytes(b"")

    with pytest.raises(InputError, match="is not empty and holds no run of rlsel"):
        take(tmp_path / "photos", resume)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["1.png"]


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")

    with pytest.raises(InputError, match="choose another --out"):
        take(tmp_path / "run")


@pytest.mark.parametrize("resume", [False, True])
def test_a_file_called_runs_is_named(resume: bool) -> None:
    RUNS.write_text("mine")

    with pytest.raises(InputError, match=r"^runs: is a file, where runs have their folder; move"):
        take(resume=resume)

    assert RUNS.read_text() == "mine"


def test_resuming_goes_on_with_the_record_and_counts(tmp_path: Path) -> None:
    take(tmp_path / "run").update(notes=["first"])

    second = take(tmp_path / "run", resume=True)
    second.update()
    third = take(tmp_path / "run", resume=True)

    assert second.record.notes == ["first"]
    assert second.record.resumed == 1
    assert third.record.resumed == 2


def test_a_finished_run_is_not_resumed_but_shown(tmp_path: Path) -> None:
    take(tmp_path / "run").update(finished=True)

    again = take(tmp_path / "run", resume=True)

    assert again.record.finished
    assert again.record.resumed == 0


def test_a_run_killed_before_its_first_record_can_be_resumed(tmp_path: Path) -> None:
    take(tmp_path / "run")  # leaves a config and nothing else

    assert take(tmp_path / "run", resume=True).record.resumed == 1


def test_resuming_a_folder_of_ones_own_choice_where_nothing_was_begun_begins(
    tmp_path: Path,
) -> None:
    assert take(tmp_path / "run", resume=True).record.resumed == 0


def test_default_folders_are_called_after_name_hash_and_seed_and_numbered_up() -> None:
    paths = [take().path for _ in range(3)]
    paths.append(take(experiment=other(seed=1)).path)

    stem_of_other_seed = STEM.replace("seed0", "seed1")
    assert paths == [RUNS / STEM, RUNS / f"{STEM}-2", RUNS / f"{STEM}-3", RUNS / stem_of_other_seed]


def test_numbering_goes_on_after_the_highest_even_where_one_is_missing() -> None:
    for number in ("-2", "-10"):
        (RUNS / f"{STEM}{number}").mkdir(parents=True)

    assert take().path == RUNS / f"{STEM}-11"


def test_resume_takes_the_newest_folder_of_this_very_run() -> None:
    for _ in range(11):
        take()
    take(experiment=other(seed=1))
    take(experiment=other(seed=10))
    take(experiment=other(algorithm={"clip": 0.3}))
    (RUNS / f"{STEM}-copy").mkdir()

    assert take(resume=True).path == RUNS / f"{STEM}-11"


def test_resume_without_a_run_of_this_name_has_nothing_to_go_on_with() -> None:
    take(experiment=build_experiment({"name": "mine-too"}, "here"))
    take(experiment=other(seed=1))

    with pytest.raises(InputError, match="there is nothing to resume") as error:
        take(resume=True)

    assert "seed" not in str(error.value)
    assert "leave out --resume to begin anew" in str(error.value)


def test_resume_with_a_changed_setting_says_what_differs_and_begins_nothing() -> None:
    before = take(experiment=other(algorithm={"clip": 0.3})).path

    with pytest.raises(InputError) as error:
        take(resume=True)

    said = str(error.value)
    assert f"unfinished with other settings: {before} (" in said
    assert "algorithm.clip is 0.3 there and 0.2 here" in said
    assert "\n" not in said
    assert [*RUNS.iterdir()] == [before]


def test_resume_names_the_three_newest_of_the_runs_that_other_settings_began() -> None:
    paths = [take(experiment=other(algorithm={"clip": clip})).path for clip in (0.3, 0.4, 0.5, 0.6)]
    for age, path in enumerate(paths):
        os.utime(path, (1e9 - age, 1e9 - age))

    with pytest.raises(InputError, match=f"{paths[0]}, {paths[1]}, {paths[2]} and 1 more"):
        take(resume=True)


def test_resume_does_not_name_runs_that_are_finished() -> None:
    take(experiment=other(algorithm={"clip": 0.3})).update(finished=True)

    with pytest.raises(InputError, match="there is nothing to resume") as error:
        take(resume=True)

    assert "unfinished" not in str(error.value)


def test_time_worked_adds_up_over_the_pieces_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(run_folder.time, "monotonic", lambda: now)
    first = take(tmp_path / "run")
    with first.stage("data"):
        now = 107.0
    now = 110.0
    first.update()

    now = 1000.0
    second = take(tmp_path / "run", resume=True)
    with second.stage("data"):
        now = 1005.0
    with second.stage("features") as stage:
        now = 1006.0
        stage.book_time()
        now = 1007.0

    record = Record.read(tmp_path / "run")
    assert record.wall_s == pytest.approx(10 + 7)
    assert record.stage_s == {"data": pytest.approx(7 + 5), "features": pytest.approx(2)}


def test_an_unfinished_run_of_an_earlier_version_is_refused_in_one_line(tmp_path: Path) -> None:
    take(tmp_path / "run").update(layout=1)

    with pytest.raises(InputError, match=r"run: was begun by an earlier version of rlsel") as error:
        take(tmp_path / "run", resume=True)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_of_a_newer_version_is_refused_before_its_settings_are_read(
    finished: bool, tmp_path: Path
) -> None:
    take(tmp_path / "run").update(layout=LAYOUT + 1, finished=finished)
    (tmp_path / "run" / CONFIG).write_text("setting_of_tomorrow: 1\n")

    with pytest.raises(InputError, match=r"made by a newer rlsel .*; update rlsel$") as error:
        take(tmp_path / "run", resume=True)

    assert "\n" not in str(error.value)


def test_a_finished_run_of_an_earlier_version_is_still_there(tmp_path: Path) -> None:
    take(tmp_path / "run").update(layout=1, finished=True)

    assert take(tmp_path / "run", resume=True).record.finished


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_that_is_no_run_has_no_experiment(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match=r"there is no such run folder|is no run folder"):
        read_experiment(tmp_path / name)


def test_a_long_name_makes_a_folder_that_any_file_system_takes() -> None:
    experiments = [build_experiment({"name": "实" * 200 + end}, "here") for end in "ab"]

    names = {take(experiment=experiment).path.name for experiment in experiments}

    assert len(names) == 2
    assert all(len(name.encode()) <= 250 for name in names)
    assert take(experiment=experiments[0], resume=True).path.name in names


def test_a_run_that_goes_on_after_its_project_has_moved_knows_the_new_place(tmp_path: Path) -> None:
    def at(folder: str) -> Experiment:
        source = {"name": "folder", "path": f"{folder}/images"}
        return other(folder=folder, data={"source": source})

    take(tmp_path / "run", experiment=at("/before"))

    take(tmp_path / "run", resume=True, experiment=at("/after"))

    assert read_experiment(tmp_path / "run") == at("/after")
