"""What an evaluation does with a set of candidates."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from small_workbench import (
    NUM_CANDIDATES,
    none,
    probe_job,
    right,
    small_parts,
    small_workbench,
    with_few_to_validate,
)

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.resnet import build_resnet34, read_weights
from rlsel.features import Features
from rlsel.machine import mapped
from rlsel.rewards import Job, Workbench


def test_the_probe_of_nothing_kept_is_a_head_on_the_real_images() -> None:
    parts = small_parts()
    features, train, reward_val = parts.features, parts.splits.train, parts.splits.reward_val

    evaluation = parts.bench().evaluate(probe_job(none()))

    # The same, from the description: principal components of real + candidates, one common scale.
    both_NF = np.concatenate((features.train, features.candidates)).astype(np.float64)
    centre_F = both_NF.mean(axis=0)
    scale = np.sqrt(((both_NF - centre_F) ** 2).sum() / both_NF.size)

    def with_bias(x_NF: np.ndarray) -> np.ndarray:
        return np.column_stack(((x_NF - centre_F) / scale, np.ones(len(x_NF))))

    head = LogisticRegression(
        C=1 / (parts.reward.probe.l2 * len(train)), fit_intercept=False, tol=1e-10
    ).fit(with_bias(features.train), train.labels)
    score_N = head.decision_function(with_bias(features.reward_val))
    assert evaluation.scores["auc"] == [
        pytest.approx(roc_auc_score(reward_val.labels, score_N), abs=1e-4)
    ]
    assert evaluation.scores["accuracy"] == [
        pytest.approx(((score_N > 0) == reward_val.labels).mean(), abs=0.005)
    ]


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("metric", ["auc", "log_loss"])
def test_right_candidates_are_worth_more_than_none_and_wrong_ones_less(
    metric: str, num_classes: int
) -> None:
    bench = small_workbench(num_classes)

    score = {
        name: bench.evaluate(probe_job(kept_N)).last(metric)
        for name, kept_N in (("none", none()), ("right", right()), ("wrong", ~right()))
    }

    assert score["right"] > score["none"] > score["wrong"]


@pytest.mark.parametrize("kept_N", [none(), right(), ~none()])
def test_the_images_trained_on_are_real_and_kept(kept_N: np.ndarray) -> None:
    evaluation = small_workbench().evaluate(probe_job(kept_N))

    assert evaluation.num_train == 17 + kept_N.sum()


def test_a_job_scores_the_split_it_names() -> None:
    parts = small_parts()
    splits, features = parts.splits, parts.features
    bench = parts.bench()
    swapped = replace(
        parts,
        splits=replace(splits, reward_val=splits.selection_val, selection_val=splits.reward_val),
        features=replace(
            features, reward_val=features.selection_val, selection_val=features.reward_val
        ),
    ).bench()

    on_reward_val = bench.evaluate(probe_job(right())).scores
    on_selection_val = bench.evaluate(probe_job(right(), split="selection_val")).scores

    assert on_reward_val != on_selection_val
    assert swapped.evaluate(probe_job(right())).scores == on_selection_val


def test_a_probe_never_sees_a_test_image() -> None:
    with pytest.raises(KeyError):
        small_workbench().evaluate(probe_job(right(), split="test"))


def test_all_metrics_are_scored_and_higher_is_better_for_log_loss_too() -> None:
    scores = small_workbench().evaluate(probe_job(right())).scores

    assert set(scores) == {"accuracy", "auc", "sensitivity", "specificity", "log_loss"}
    assert -np.log(2) < scores["log_loss"][0] < 0


def test_a_workbench_that_was_sent_elsewhere_gives_the_same_scores() -> None:
    bench = small_workbench()
    bench.evaluate(probe_job(none()))

    elsewhere = pickle.loads(pickle.dumps(bench))

    for kept_N in (none(), right()):
        job = probe_job(kept_N)
        assert elsewhere.evaluate(job).scores == bench.evaluate(job).scores
        assert elsewhere.keys(job) == bench.keys(job)


def test_evaluators_of_one_machine_read_the_same_file_of_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mapped, "LARGE_BYTES", 1)
    parts = small_parts()
    training = parts.bench().training

    with mapped.sent_by_path():
        sent = pickle.dumps(training)

    assert len(sent) < parts.candidates.values.nbytes
    received = pickle.loads(sent).values
    assert received.filename == training.values.filename
    assert np.array_equal(received[17:], parts.candidates.values)


@pytest.mark.slow
def test_a_full_training_scores_every_validated_epoch_and_repeats_itself() -> None:
    config = ClassifierConfig(epochs=2, batch_size=16, precision="fp32", num_validated_epochs=2)
    bench = with_few_to_validate(small_workbench(classifier=config))
    kept_N = np.arange(NUM_CANDIDATES) < 11
    job = Job(kept_N, "full", seed=5, split="reward_val")

    once, again = (bench.evaluate(job) for _ in range(2))

    assert {name: len(values) for name, values in once.scores.items()} == dict.fromkeys(
        ("accuracy", "auc", "sensitivity", "specificity", "log_loss"), 2
    )
    assert once.scores == again.scores
    assert once.num_train == 28


@pytest.mark.slow
def test_no_epoch_can_be_chosen_on_test() -> None:
    evaluation = small_workbench().evaluate(Job(none(), "full", seed=5, split="test"))

    assert {len(values) for values in evaluation.scores.values()} == {1}


def test_probes_together_are_those_alone() -> None:
    bench = small_workbench()
    jobs = [probe_job(kept_N) for kept_N in (none(), right(), ~right(), ~none())]

    together = bench.evaluate_many(jobs)

    for job, one in zip(jobs, together, strict=True):
        alone = bench.evaluate(job)
        assert one.num_train == alone.num_train
        for name, values in alone.scores.items():
            assert one.scores[name] == pytest.approx(values, abs=1e-9)


def test_jobs_of_different_kinds_make_no_group() -> None:
    jobs = [probe_job(none()), probe_job(none(), split="selection_val")]

    with pytest.raises(ValueError, match="one fidelity and split"):
        small_workbench().evaluate_many(jobs)


def test_weights_travel_to_where_their_file_is_not(tmp_path: Path) -> None:
    torch.save(build_resnet34(2, seed=5).state_dict(), tmp_path / "mine.pt")
    classifier = ClassifierConfig(
        epochs=1, batch_size=16, precision="fp32", weights=tmp_path / "mine.pt"
    )
    bench = with_few_to_validate(small_workbench(classifier=classifier))
    job = Job(none(), "full", seed=0, split="reward_val")
    here = bench.evaluate(job)
    sent = pickle.dumps(replace(bench, weights=read_weights(tmp_path / "mine.pt")))
    (tmp_path / "mine.pt").unlink()

    assert pickle.loads(sent).evaluate(job).scores == here.scores


def test_with_folds_a_probe_is_scored_by_each_extractor_and_the_mean_counts() -> None:
    parts, one, other = small_parts(), np.arange(0, 17, 2), np.arange(1, 17, 2)
    folds = [replace(parts.features, unseen=rows) for rows in (one, other)]
    job = probe_job(right())

    def bench(features: list[Features]) -> Workbench:
        given = (parts.splits, parts.candidates, features, parts.classifier, parts.reward)
        return Workbench.of(*given)

    both, *alone = (bench(each).evaluate(job) for each in (folds, folds[:1], folds[1:]))

    for name, values in both.scores.items():
        assert values == pytest.approx([np.mean([each.scores[name] for each in alone])])
    assert both.num_train == alone[0].num_train == 17 + right().sum()
    keys = {bench(each).keys(job) for each in (folds, folds[:1], folds[1:], [parts.features])}
    assert len(keys) == 4
