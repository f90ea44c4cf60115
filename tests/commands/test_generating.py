"""`rlsel generate`, and a generator as a stage of a run, as a user starts them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_experiment import (
    evaluators_fixture,  # noqa: F401
    refused,
    rlsel,
    write_config,
)
from small_generator import GENERATOR, write

from rlsel.classifier.resnet import build_resnet34
from rlsel.generators.histogan import train
from rlsel.generators.histogan.training import Training
from rlsel.pool import read_pool
from rlsel.runs.record import Record


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_generate_leaves_checkpoint_grids_figures_and_a_pool(tmp_path: Path) -> None:
    config = write(tmp_path / "gan.yaml")

    outcome = rlsel("generate", config, "--out", tmp_path / "made")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names >= {"generator.pt", "grids", "steps.jsonl", "tensorboard", "pool.parquet"}
    pool = read_pool(tmp_path / "made" / "pool.parquet")
    assert pool.candidates.counts == {"normal": 8, "tumour": 8}
    assert pool.latent_seeds is not None
    assert pool.models is not None
    record = Record.read(tmp_path / "made")
    assert record.finished
    assert record.stage_s.keys() == {"data", "generator", "features", "audit"}

    again = rlsel("generate", config, "--out", tmp_path / "made")

    assert again.code == 2
    assert "add --resume to go on with it" in again.err


def test_generate_says_how_good_the_candidates_are_and_whether_they_are_copies(
    tmp_path: Path,
) -> None:
    weights = tmp_path / "resnet34.pt"
    torch.save(build_resnet34(1000, 0).state_dict(), weights)
    config = write(tmp_path / "gan.yaml", audit={"weights": str(weights)})

    outcome = rlsel("generate", config, "--out", tmp_path / "made")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    record = Record.read(tmp_path / "made")
    assert record.quality is not None
    own, given = (record.quality[space]["tumour"] for space in ("own", "given"))
    assert own != given
    assert record.classification.keys() == {"candidates", "real"}
    assert record.pattern.keys() == {"candidates", "real"}
    assert all(by_class.keys() == {"normal", "tumour"} for by_class in record.pattern.values())
    for said in (
        "by the run's own extractor",
        "One pattern in all images of a class",
        "by the weights that were given",
        "accuracy",
    ):
        assert said in outcome.said
    assert "of 16 candidates copy a training image" in outcome.said
    page = (tmp_path / "made" / "report.html").read_text()
    for shown in ("a row for each class", "most like one training image", "losses"):
        assert shown.lower() in page.lower()


def test_candidates_that_were_made_are_not_made_again(tmp_path: Path) -> None:
    config, out = write(tmp_path / "gan.yaml"), tmp_path / "made"
    assert rlsel("generate", config, "--out", out).code == 0
    made, record = (out / "pool.parquet").stat().st_mtime_ns, Record.read(out)
    replace(record, finished=False, copies=None).write(out)

    outcome = rlsel("generate", config, "--out", out, "--resume")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert (out / "pool.parquet").stat().st_mtime_ns == made
    again = Record.read(out)
    assert again.finished
    assert (again.copies, again.pool_digest) == (record.copies, record.pool_digest)

    replace(record, finished=False, data_digest="of others").write(out)
    said = refused(rlsel("generate", config, "--out", out, "--resume"))
    assert said.startswith(f"{out}: the training images have changed since this run began")


def test_where_test_stays_unread_no_classifier_of_candidates_is_scored(tmp_path: Path) -> None:
    config = write(tmp_path / "gan.yaml", evaluation={"rounds": 0})

    assert rlsel("generate", config, "--out", tmp_path / "made").code == 0

    assert Record.read(tmp_path / "made").classification == {}


def test_a_checkpoint_alone_makes_more_of_the_same(tmp_path: Path) -> None:
    config = write(tmp_path / "gan.yaml")
    assert rlsel("generate", config, "--seed", 3, "--out", tmp_path / "made").code == 0
    checkpoint = tmp_path / "made" / "generator.pt"

    outcome = rlsel(
        "generate", "--from", checkpoint, "--per-class", 11, "--out", tmp_path / "more.parquet"
    )

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "22 candidates written to" in outcome.said
    few, more = (
        {
            pool.candidates.ids[i]: pool.candidates.images[i].tobytes()
            for i in range(len(pool.candidates))
        }
        for pool in (read_pool(tmp_path / name) for name in ("made/pool.parquet", "more.parquet"))
    )
    assert few.items() < more.items()
    assert "is there already" in refused(
        rlsel("generate", "--from", checkpoint, "--out", tmp_path / "more.parquet")
    )


@pytest.mark.slow
def test_a_run_trains_its_generator_once_and_selects_among_what_it_makes(
    evaluators_up: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path / "gan.yaml")

    outcome = rlsel("run", config, "--out", tmp_path / "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    record = Record.read(tmp_path / "run")
    assert record.num_kept["keep_all"] == 16
    assert (tmp_path / "run" / "generator" / "steps.jsonl").exists()
    made = read_pool(tmp_path / "run" / "pool.parquet").candidates
    monkeypatch.setattr(Training, "run_step", None)

    another = rlsel("run", config, "--out", tmp_path / "another")

    assert another.code == 0, another
    again = read_pool(tmp_path / "another" / "pool.parquet").candidates
    assert np.array_equal(made.images, again.images)
    assert Record.read(tmp_path / "another").pool_digest == record.pool_digest


def test_what_was_generated_is_taken_over_by_a_run_with_its_warnings(
    evaluators_up: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path / "gan.yaml")
    alarms = {"collapse": "collapse: all alike"}
    monkeypatch.setattr(train, "warn_of_trouble", lambda rows: alarms)
    assert rlsel("generate", config, "--out", tmp_path / "made").code == 0
    monkeypatch.setattr(Training, "run_step", None)

    outcome = rlsel("run", config, "--out", tmp_path / "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "trained before, taken from" in outcome.said
    assert "collapse: all alike" in Record.read(tmp_path / "run").warnings
    assert "a row for each class" in (tmp_path / "run" / "report.html").read_text()


def test_without_a_cache_a_generator_is_trained_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")

    outcome = rlsel("generate", write(tmp_path / "gan.yaml"), "--out", tmp_path / "made")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "going on without a cache" in outcome.said


def test_a_folder_of_a_generator_is_no_run_and_the_other_way_round(
    cache: Path, tmp_path: Path
) -> None:
    config, out = write(tmp_path / "gan.yaml"), tmp_path / "made"
    assert rlsel("generate", config, "--out", out).code == 0

    for finished in (True, False):
        replace(Record.read(out), finished=finished).write(out)
        said = refused(rlsel("run", config, "--out", out, "--resume"))
        assert said == f"{out}: holds what `rlsel generate` made; choose another --out"

    assert f"`rlsel generate {out}/config.yaml --out {out} --resume`" in refused(
        rlsel("report", out)
    )
    replace(Record.read(out), made_by="run").write(out)
    said = refused(rlsel("generate", config, "--out", out, "--resume"))
    assert said == f"{out}: holds what `rlsel run` made; choose another --out"


def test_another_configuration_is_refused_with_what_differs(cache: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "made")
    assert rlsel("generate", write(tmp_path / "gan.yaml"), *out).code == 0
    other = write(tmp_path / "other.yaml")
    other.write_text(other.read_text().replace("channels: 4", "channels: 6"))

    said = refused(rlsel("generate", other, *out, "--seed", 3, "--resume"))

    assert "generator.channels is 4 there and 6 here; seed is 0 there and 3 here" in said


def test_ctrl_c_says_how_to_go_on(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = write(tmp_path / "gan.yaml"), tmp_path / "made"

    def interrupted(training: Training) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_step", interrupted)
        outcome = rlsel("generate", config, "--seed", 5, "--out", folder)

    assert outcome.code == 130
    command = outcome.err.split("Go on with: rlsel ")[1].split()
    assert rlsel(*command).code == 0
    assert Record.read(folder).seed == 5


def test_images_alone_need_no_config(tmp_path: Path) -> None:
    said = refused(rlsel("generate", "gan.yaml", "--from", tmp_path / "generator.pt"))

    assert "--from makes images only: leave out CONFIG.yaml and --resume" in said


def test_check_says_what_no_generator_can_learn_from(tmp_path: Path) -> None:
    few = write(tmp_path / "gan.yaml", data={"source": {"name": "phantom", "num_train": 12}})

    assert "has 6 images of class 'normal', and at least 8 are needed" in refused(
        rlsel("check", few)
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"generator": GENERATOR, "pool": {"name": "folder", "path": "x"}},
            "generator and pool exclude each other: give one of them",
        ),
        ({"generator": {"name": "stylegan"}}, "generator.name is 'stylegan'"),
        ({"generator": GENERATOR | {"chanels": 4}}, "unknown key generator.chanels (did you mean"),
    ],
)
def test_a_slip_in_the_settings_is_answered(
    tmp_path: Path, changed: dict[str, Any], expected: str
) -> None:
    path = write_config(tmp_path / "c.yaml", **changed)

    assert expected in refused(rlsel("check", path))


def test_weights_that_are_missing_are_named_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "gan.yaml", audit={"weights": "imagenet.pt"})
    monkeypatch.setattr(Training, "run_step", None)

    out = ("--out", tmp_path / "made")
    for words in (("check", path), ("generate", path, *out), ("run", path, *out)):
        said = refused(rlsel(*words))
        assert "imagenet.pt: audit.weights is no file; give a ResNet34 state dict" in said
        assert not (tmp_path / "made").exists()


def test_generate_without_a_generator_says_what_to_add(tmp_path: Path) -> None:
    path = write_config(tmp_path / "c.yaml")

    said = refused(rlsel("generate", path, "--out", tmp_path / "made"))

    assert "has no generator; add `generator: {name: histogan}`" in said
    assert not (tmp_path / "made").exists()


def test_a_number_of_images_without_a_checkpoint_is_not_passed_over(tmp_path: Path) -> None:
    said = refused(rlsel("generate", write(tmp_path / "gan.yaml"), "--per-class", 9))

    assert said == "--per-class goes with --from; in a config it is generator.num_per_class"


def test_a_checkpoint_that_is_missing_is_named(tmp_path: Path) -> None:
    said = refused(rlsel("generate", "--from", tmp_path / "none.pt"))

    assert "none.pt: there is no such checkpoint" in said
