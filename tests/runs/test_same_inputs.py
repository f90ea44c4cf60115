"""A run goes on with the inputs that it began with, and with no others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_embeddings import CLASSES, vectors

from rlsel.data import EmbeddingSet, ImageSet, SampleSet, Splits
from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment
from rlsel.features import Features
from rlsel.runs.claim import claim, new_record
from rlsel.runs.folder import RunFolder
from rlsel.runs.record import Record
from rlsel.stages.inputs import digests_of_weights

EXPERIMENT = build_experiment({"name": "mine"}, "here")


def embeddings(num: int, seed: int) -> EmbeddingSet:
    vectors_NF, labels_N = vectors(num, seed)
    return EmbeddingSet(
        vectors_NF, labels_N, CLASSES, np.array([f"{seed}-{i}" for i in range(num)])
    )


def images(num: int, seed: int) -> ImageSet:
    pixels = np.random.default_rng(seed).integers(0, 256, (num, 5, 5, 3), np.uint8)
    ids = np.array([f"{seed}-{i}" for i in range(num)])
    return ImageSet(pixels, np.arange(num) % 2, CLASSES, ids)


def splits_of(make: type[SampleSet] = EmbeddingSet) -> Splits:
    one = images if make is ImageSet else embeddings
    return Splits(one(7, 0), one(5, 1), one(11, 2), one(3, 3))


def features(**changed: float) -> Features:
    """Features of which some fields have another first value."""
    values = {
        name: np.zeros((3, 2), dtype=np.float32)
        for name in ("train", "candidates", "reward_val", "selection_val", "candidate_logits")
    }
    for name, value in changed.items():
        values[name][0, 0] = value
    return Features(**values)


def with_one_less(splits: Splits, name: str) -> Splits:
    part = getattr(splits, name)
    return replace(splits, **{name: part.take(np.arange(len(part) - 1))})


def go_on(out: Path, splits: Splits, others: Mapping[str, str] | None = None) -> RunFolder:
    """Begin a run, or go on with it, as far as its inputs."""
    with claim(EXPERIMENT, out, resume=True, blank=new_record(EXPERIMENT)) as folder:
        folder.require_same(splits, **others or {})
        return folder


@pytest.mark.parametrize("make", [EmbeddingSet, ImageSet])
@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("train", "training"),
        ("reward_val", "validation"),
        ("selection_val", "validation"),
        ("test", "test"),
    ],
)
def test_other_samples_of_any_split_are_refused(
    name: str, called: str, make: type[SampleSet], tmp_path: Path
) -> None:
    splits = splits_of(make)
    go_on(tmp_path / "run", splits)

    with pytest.raises(InputError) as error:
        go_on(tmp_path / "run", with_one_less(splits, name))

    assert str(error.value) == (
        f"{tmp_path}/run: the {called} {splits.train.noun}s have changed since this run began; "
        "bring them back, or choose another --out"
    )


def test_a_refusal_leaves_what_the_record_knows_as_it_was(tmp_path: Path) -> None:
    splits = splits_of()
    before = go_on(tmp_path / "run", splits, {"candidates": "a"}).record

    with pytest.raises(InputError):
        go_on(tmp_path / "run", with_one_less(splits, "test"))

    after = Record.read(tmp_path / "run")
    assert (after.data_digest, after.pool_digest) == (splits.train.digest, "a")
    assert after.input_digests == before.input_digests
    assert go_on(tmp_path / "run", splits, {"candidates": "a"}).record.resumed == 1


@pytest.mark.parametrize("name", ["candidates", "features", "weights in audit.weights"])
def test_other_candidates_features_and_weights_are_refused(name: str, tmp_path: Path) -> None:
    go_on(tmp_path / "run", splits_of(), {name: "a"})

    with pytest.raises(InputError, match=f"the {name} have changed since this run began"):
        go_on(tmp_path / "run", splits_of(), {name: "b"})


def test_test_samples_may_be_given_later(tmp_path: Path) -> None:
    splits = splits_of()
    go_on(tmp_path / "run", replace(splits, test=splits.test.take(np.zeros(0, np.int64))))

    assert "test" in go_on(tmp_path / "run", splits).record.input_digests


def test_a_record_of_before_there_were_these_hashes_takes_them(tmp_path: Path) -> None:
    splits = splits_of()
    go_on(tmp_path / "run", splits).update(input_digests={})

    again = go_on(tmp_path / "run", with_one_less(splits, "test"))

    assert set(again.record.input_digests) == {"validation", "test"}


@pytest.mark.parametrize(
    "name", ["train", "candidates", "reward_val", "selection_val", "candidate_logits"]
)
def test_every_feature_counts(name: str) -> None:
    assert features(**{name: 1.0}).digest != features().digest
    assert features().digest == features().digest


def test_weights_count_by_their_content(tmp_path: Path) -> None:
    def digests(name: str, value: float) -> dict[str, str]:
        torch.save({"a": torch.tensor(value)}, tmp_path / "weights.pt")
        (tmp_path / name).write_bytes((tmp_path / "weights.pt").read_bytes())
        file = {"weights": str(tmp_path / name)}
        settings = {"classifier": file, "audit": file, "features": {"extractor": file}}
        return digests_of_weights(build_experiment(settings, "here"))

    once = digests("a.pt", 1.0)

    assert [*once] == [
        *("weights in classifier.weights", "weights in features.extractor.weights"),
        "weights in audit.weights",
    ]
    assert digests("b.pt", 1.0) == once
    assert digests("a.pt", 2.0) != once
    assert digests_of_weights(EXPERIMENT) == {}
