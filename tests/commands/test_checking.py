"""What `rlsel check` prints: every number on any terminal, and which class is positive."""

import re
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from rlsel.commands import check as checking
from rlsel.data import ImageSet, load_splits
from rlsel.data.positive_class import describe_positive, doubts, with_positive_last
from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment, load_experiment
from rlsel.reporting.tables import MARK, Row, Table, score_table
from rlsel.reporting.terminal import _drawn
from rlsel.runs.record import Record
from rlsel.stages.inputs import describe_settings_and_inputs


def write_images(root: Path, counts: dict[str, int]) -> None:
    number = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i:03d}.png")
            number += 1


def config_of(folder: Path, text: str = "") -> Path:
    path = folder / "my.yaml"
    path.write_text(
        f"data: {{source: {{name: folder, path: data}}{text}}}\n"
        "generator: {name: histogan, num_per_class: 16}\n"
    )
    return path


@pytest.mark.parametrize("num_classes", [2, 13])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_count_can_be_read_whatever_the_width(
    num_classes: int, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"a_class_whose_name_is_rather_long_{c}" for c in "abcdefghijklm"[:num_classes]]
    write_images(tmp_path / "data", {name: 40 + i for i, name in enumerate(names)})
    console = Console(width=width, record=True, file=StringIO())
    monkeypatch.setattr(checking, "console", console)
    experiment = load_experiment(config_of(tmp_path))

    checking.check_inputs(experiment)

    text = console.export_text()
    splits = load_splits(experiment.data, 0)
    numbers = set(re.findall(r"\d+", text))
    for images in splits.named().values():
        assert {str(len(images)), *map(str, images.counts.values())} <= numbers
    assert "…" not in text


def test_a_table_that_is_too_wide_is_turned_on_its_side() -> None:
    columns = ("correlation", *(f"class-{i:02d}" for i in range(17)))
    rows = (Row("candidates", tuple(f"{i}.125" for i in range(17))),)
    console = Console(width=80, record=True, file=StringIO())

    console.print(_drawn(Table("Pattern", columns, rows), 80))

    text = console.export_text()
    assert all(f"{i}.125" in text and f"class-{i:02d}" in text for i in range(17))


def image_set(class_names: tuple[str, ...]) -> ImageSet:
    labels = np.arange(11) % len(class_names)
    images = np.random.default_rng(0).integers(0, 256, (11, 4, 4, 3), np.uint8)
    return ImageSet(images, labels, class_names, np.array([f"{i}" for i in range(11)]))


def test_the_positive_class_has_index_one_and_keeps_its_images() -> None:
    before = image_set(("Tumour (grade 3)", "healthy tissue"))

    after = with_positive_last({"train": before}, "Tumour (grade 3)")["train"]

    assert after.class_names == ("healthy tissue", "Tumour (grade 3)")
    assert after.counts == before.counts
    named = [np.array(images.class_names)[images.labels] for images in (before, after)]
    np.testing.assert_array_equal(*named)


@pytest.mark.parametrize(
    ("class_names", "positive", "said"),
    [
        (("a", "b"), "c", "data.positive_class is 'c'; the classes are a, b"),
        (("a", "b", "c"), "b", "there are 3 classes"),
    ],
)
def test_a_positive_class_that_cannot_be_is_refused(
    class_names: tuple[str, ...], positive: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        with_positive_last({"train": image_set(class_names)}, positive)


@pytest.mark.parametrize(
    ("class_names", "doubtful"),
    [
        (("Tumour (grade 3)", "healthy tissue"), True),
        (("malignant", "other"), True),
        (("abc", "normal"), True),
        (("恶性", "良性"), True),
        (("normal", "tumour"), False),
        (("normal", "abnormal"), False),
        (("benign", "malignant"), False),
        (("0", "1"), False),
        (("a", "b"), False),
        (("tumour", "normal", "other"), False),
    ],
)
def test_names_that_suggest_the_other_class_are_a_warning(
    class_names: tuple[str, ...], doubtful: bool
) -> None:
    assert bool(doubts(class_names, None)) == doubtful
    assert not doubts(class_names, class_names[0])


def test_what_sensitivity_is_of_is_said_once(tmp_path: Path) -> None:
    write_images(tmp_path / "data", {"Tumour": 40, "healthy": 40})

    def findings(text: str) -> list[tuple[str, str]]:
        experiment = load_experiment(config_of(tmp_path, text))
        splits = load_splits(experiment.data, 0)
        report = describe_settings_and_inputs(experiment, splits, None)
        return [(f.level, f.text) for f in report.findings if "sensitivity" in f.text]

    (doubt,) = findings("")
    assert doubt[0] == "warning"
    assert "recall of 'healthy'" in doubt[1]
    (told,) = findings(", positive_class: Tumour")
    assert told == ("note", "sensitivity is the recall of 'Tumour', specificity that of 'healthy'")
    assert describe_positive(("a", "b", "c")).startswith("sensitivity and specificity are means")


@pytest.mark.parametrize(
    ("settings", "remarks"),
    [
        ({"classifier": {"epochs": 3}}, "classifier has epochs 3 (there 10), and features.extr"),
        ({"classifier": {"epochs": 3}, "features": {"extractor": {"epochs": 3}}}, ""),
        ({"classifier": {"epochs": 3}, "features": {"extractor": {"epochs": 4}}}, ""),
        ({"features": {"extractor": {"epochs": 3}}}, ""),
        ({}, ""),
    ],
)
def test_settings_of_the_classifier_that_leave_the_extractor_s_alone_are_said(
    settings: dict[str, Any], remarks: str
) -> None:
    assert " ".join(build_experiment(settings, "a test").remarks).startswith(remarks)
    assert bool(build_experiment(settings, "a test").remarks) == bool(remarks)


def record_of(class_names: list[str], scores: dict[str, dict[str, list[float]]]) -> Record:
    return Record(
        name="r", config_hash="", seed=0, finished=True, class_names=class_names, scores=scores
    )


@pytest.mark.parametrize(
    ("num_classes", "sensitivity", "specificity", "marked"),
    [
        (2, [0.0, 0.8], [1.0, 0.7], True),
        (2, [1.0, 0.8], [0.0, 0.7], True),
        (2, [0.5, 0.8], [0.5, 0.7], False),
        (3, [1 / 3, 0.8], [2 / 3, 0.7], True),
        (3, [0.0, 0.8], [1.0, 0.7], False),
    ],
)
def test_a_classifier_that_knows_one_class_only_is_marked_in_its_row(
    num_classes: int, sensitivity: list[float], specificity: list[float], marked: bool
) -> None:
    scores = {"accuracy": [0.5, 0.7], "sensitivity": sensitivity, "specificity": specificity}
    record = record_of(list("abc"[:num_classes]), {"uniform": scores})

    table = score_table(record)

    assert (MARK in table.rows[0].label) == marked
    assert any("uniform in 1 of 2 rounds" in text for text in table.footnotes) == marked


def test_the_score_table_says_what_sensitivity_is_of() -> None:
    record = record_of(["benign", "malignant"], {"uniform": {"accuracy": [0.5]}})

    assert "the recall of 'malignant'" in score_table(record).footnotes[0]
    assert not score_table(record_of([], {"uniform": {"accuracy": [0.5]}})).footnotes


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpus_that_can_never_be_had_are_refused_by_check_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    write_images(tmp_path / "data", {"benign": 40, "malignant": 40})
    config = config_of(tmp_path)
    text = config.read_text() + "evaluators: {count: 2, gpus_each: 1}\n"
    config.write_text(text)

    with pytest.raises(InputError, match="this machine has no GPU"):
        checking.check_inputs(load_experiment(config))


@pytest.mark.parametrize("block", ["classifier", "audit"])
def test_weights_that_are_not_finite_are_told_by_check(block: str, tmp_path: Path) -> None:
    write_images(tmp_path / "data", {"benign": 40, "malignant": 40})
    torch.save({"conv1.weight": torch.tensor([1.0, torch.nan])}, tmp_path / "mine.pt")
    config = config_of(tmp_path)
    config.write_text(config.read_text() + f"{block}: {{weights: mine.pt}}\n")

    with pytest.raises(InputError, match=r"mine\.pt: its weights conv1\.weight hold NaN"):
        checking.check_inputs(load_experiment(config))


@pytest.mark.parametrize("known", [True, False])
def test_where_patients_are_unknown_the_alarm_is_said_to_be_blind(
    known: bool, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        for index in range(40):
            file = tmp_path / "real" / name / f"p{index % 20:02d}_{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(file)
    source = {"name": "folder", "path": str(tmp_path / "real")}
    source |= {"patient_from": "prefix"} if known else {}
    experiment = build_experiment({"name": "t", "data": {"source": source}}, "test")

    splits = load_splits(experiment.data, 0)
    findings = describe_settings_and_inputs(experiment, splits, None).findings

    blind = [one.level for one in findings if "no alarm shows that learning fits" in one.text]
    assert blind == ([] if known else ["note"])
