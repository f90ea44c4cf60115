"""A generator that only the registry knows goes all the way: config, training, pool, report."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
import yaml
from another_kind import registered
from coloured_noise import ColouredNoise, ColouredNoiseConfig
from small_experiment import TINY, refused, rlsel

from rlsel.data import load_splits
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, load_experiment, merge
from rlsel.generators.registry import GENERATORS, load_checkpoint
from rlsel.generators.seam import Checkpoint, Generator
from rlsel.machine.workplace import Here
from rlsel.pool import read_pool
from rlsel.reporting.generator import draw_training, training_legend
from rlsel.runs.config_file import CONFIG
from rlsel.runs.generator_trace import read_trace
from rlsel.schema import names_of
from rlsel.stages.candidates import Candidates, generate
from rlsel.stages.inputs import read_inputs


@pytest.fixture(name="noise")
def noise_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ColouredNoise]:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    generator = ColouredNoise()
    with registered(GENERATORS, "coloured_noise", generator):
        yield generator


def experiment_with(folder: Path, **settings: object) -> Experiment:
    content = merge(TINY, {"generator": {"name": "coloured_noise", **settings}})
    del content["pool"]
    folder.mkdir(exist_ok=True)
    (folder / CONFIG).write_text(yaml.safe_dump(content))
    return load_experiment(folder / CONFIG)


def candidates_in(folder: Path, **settings: object) -> Candidates:
    experiment = experiment_with(folder, **settings)
    splits, given = read_inputs(experiment)
    assert given is None
    return generate(experiment, splits, folder, lambda: None, Here())


def test_every_generator_does_what_the_seam_says_under_the_name_of_its_config(
    noise: ColouredNoise,
) -> None:
    for name, generator in GENERATORS.items():
        assert isinstance(generator, Generator)
        assert names_of(generator.config) == (name,)
        assert generator.config().num_per_class >= 8


def test_a_config_becomes_a_pool(tmp_path: Path, noise: ColouredNoise) -> None:
    made = candidates_in(tmp_path / "run", num_per_class=11)

    assert made.pool.candidates.counts == {"normal": 11, "tumour": 11}
    assert made.pool.source.startswith("coloured_noise ")
    assert all(name.startswith("coloured_noise-") for name in made.pool.candidates.ids)
    assert made.warnings == ("it is noise",)
    train = load_splits(experiment_with(tmp_path / "run").data, 0).train
    for label in range(2):
        colours = [s.images[s.labels == label].mean() for s in (made.pool.candidates, train)]
        assert colours[0] == pytest.approx(colours[1], abs=3)


def test_a_training_is_done_once_for_all_runs(tmp_path: Path, noise: ColouredNoise) -> None:
    once = candidates_in(tmp_path / "once")
    again = candidates_in(tmp_path / "again")
    other = candidates_in(tmp_path / "other", strength=30.0)

    assert noise.num_trained == 2
    assert again.pool.digest == once.pool.digest != other.pool.digest
    assert (tmp_path / "again" / "grids" / "step_0000003.png").exists()


def test_images_that_it_cannot_be_trained_on_are_refused_before_anything_is_trained(
    tmp_path: Path, noise: ColouredNoise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(train: object) -> None:
        raise InputError("generator: grey has no colour")

    monkeypatch.setattr(noise, "require_trainable", refuse)

    with pytest.raises(InputError, match="grey has no colour"):
        read_inputs(experiment_with(tmp_path / "run"))


def test_its_settings_are_its_own(tmp_path: Path, noise: ColouredNoise) -> None:
    assert experiment_with(tmp_path, strength=2.0).generator == ColouredNoiseConfig(strength=2.0)
    with pytest.raises(InputError, match=r"unknown key generator\.channels; known are classes, na"):
        experiment_with(tmp_path, channels=8)
    with pytest.raises(InputError, match=r"generator\.name is 'nois'; known are histogan, coloure"):
        experiment_with(tmp_path, name="nois")


def test_a_checkpoint_makes_more_without_a_config(tmp_path: Path, noise: ColouredNoise) -> None:
    candidates_in(tmp_path)

    outcome = rlsel("generate", "--from", tmp_path / "generator.pt", "--class", "tumour")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    pool = read_pool(tmp_path / "pool-9.parquet")
    assert pool.candidates.counts == {"normal": 0, "tumour": 9}
    assert isinstance(load_checkpoint(tmp_path / "generator.pt"), Checkpoint)


def test_a_checkpoint_of_a_generator_that_there_is_not_is_refused(
    tmp_path: Path, noise: ColouredNoise
) -> None:
    candidates_in(tmp_path)

    with patch.dict(GENERATORS):
        del GENERATORS["coloured_noise"]
        said = refused(rlsel("generate", "--from", tmp_path / "generator.pt"))

    assert said.endswith("is of a generator 'coloured_noise'; this version of rlsel has histogan")


def test_a_file_of_torch_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"layout": 3, "weights": torch.zeros(2)}, tmp_path / "w.pt")

    with pytest.raises(InputError, match="is no checkpoint of a generator, or a damaged one"):
        load_checkpoint(tmp_path / "w.pt")


def test_the_report_draws_the_panels_that_it_names(tmp_path: Path, noise: ColouredNoise) -> None:
    candidates_in(tmp_path)

    trace = read_trace(tmp_path)

    assert trace is not None
    assert trace.grid is not None
    assert trace.reading_aid == "Doubt that grows is a bad sign."
    figure = draw_training(trace)
    assert figure is not None
    (panel,) = figure.axes
    assert panel.get_title() == "Doubt"
    drawn = [np.asarray(line.get_ydata()).tolist() for line in panel.lines]
    assert drawn == [pytest.approx([1, 1 / 2, 1 / 3]), [2.0, 2.0, 2.0]]
    assert training_legend(trace) == [("of the class", "vermillion"), ("of the day", "blue")]


def test_of_a_generator_that_there_is_not_the_report_has_the_grid_alone(
    tmp_path: Path, noise: ColouredNoise
) -> None:
    candidates_in(tmp_path)

    with patch.dict(GENERATORS):
        del GENERATORS["coloured_noise"]
        trace = read_trace(tmp_path)

    assert trace is not None
    assert trace.grid is not None
    assert draw_training(trace) is None
    assert training_legend(trace) == []
