"""Training: reproducible, followed on validation, and without a trace in the global generators."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from rlsel.classifier import ClassifierConfig, Fitted, Resident, Trainer, fit

CPU = torch.device("cpu")
QUICK = ClassifierConfig(epochs=1, batch_size=16, precision="fp32", num_validated_epochs=1)


def resident(num: int, seed: int = 0, size_px: int = 32) -> Resident:
    """Class 1 is brighter."""
    rng = np.random.default_rng(seed)
    labels_N = rng.permutation(np.arange(num) % 2)
    images = rng.integers(0, 156, (num, size_px, size_px, 3)) + 100 * labels_N[:, None, None, None]
    return Resident.put(images.astype(np.uint8), labels_N, CPU)


class RecordingNet(ResNet):
    """A head on mean colours that notes how many images each step of training had."""

    def __init__(self) -> None:
        nn.Module.__init__(self)  # none of ResNet's own layers
        self.fc = nn.Linear(3, 2)
        self.steps: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps.append(len(x))
        return self.fc(x.mean((2, 3)))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Sums of floats in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fit_recording():
    """Training of a network that costs nothing."""

    def run(config: ClassifierConfig, num: int, **settings: Any) -> Fitted:
        data = resident(num, size_px=4)
        trainer = Trainer(config, data, 2, lambda _: RecordingNet())
        return trainer.fit(torch.arange(num), seed=0, **settings)

    return run


def logits_of(seed: int, rows_N: Tensor | None = None, **changed: Any) -> Tensor:
    config = ClassifierConfig(**{**vars(QUICK), **changed})
    rows_N = torch.arange(40) if rows_N is None else rows_N
    fitted = fit(config, resident(40), rows_N, 2, seed, validation=resident(7, seed=1))
    return fitted.val_logits[-1]


@pytest.mark.slow
def test_the_seed_decides_the_classifier() -> None:
    once, again, other = (logits_of(seed) for seed in (3, 3, 4))

    assert torch.equal(once, again)
    assert not torch.allclose(once, other)


@pytest.mark.slow
def test_the_order_of_the_rows_does_not_matter() -> None:
    backwards_N = torch.arange(40).flip(0)

    assert torch.equal(logits_of(3), logits_of(3, rows_N=backwards_N))


@pytest.mark.slow
def test_global_random_numbers_are_left_as_they_were() -> None:
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002
    torch_before, numpy_before = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002

    logits_of(3, colour_jitter=0.2)

    assert torch.equal(torch.get_rng_state(), torch_before)
    assert str(np.random.get_state()) == numpy_before  # noqa: NPY002


@pytest.mark.parametrize(
    ("epochs", "configured", "override", "expected"),
    [(5, 3, None, 3), (5, 3, 1, 1), (2, 5, None, 2), (1, 1, None, 1)],
)
def test_validation_follows_the_last_epochs(
    epochs: int, configured: int, override: int | None, expected: int, fit_recording
) -> None:
    config = ClassifierConfig(epochs=epochs, num_validated_epochs=configured, precision="fp32")

    fitted = fit_recording(
        config, 12, validation=resident(7, seed=1, size_px=4), num_validated_epochs=override
    )

    assert [tuple(logits.shape) for logits in fitted.val_logits] == [(7, 2)] * expected


def test_without_validation_images_there_are_no_validation_logits(fit_recording) -> None:
    assert fit_recording(QUICK, 12).val_logits == []


def test_the_last_validation_logits_are_those_of_the_final_model(fit_recording) -> None:
    validation = resident(7, seed=1, size_px=4)
    config = ClassifierConfig(epochs=3, num_validated_epochs=2, precision="fp32", lr=0.1)

    fitted = fit_recording(config, 12, validation=validation)

    images = validation.images_NCHW.float() / 127.5 - 1
    with torch.no_grad():
        torch.testing.assert_close(fitted.val_logits[-1], fitted.model.eval()(images))
    assert not torch.allclose(fitted.val_logits[0], fitted.val_logits[1])


def test_what_is_learned_comes_from_the_rows_that_were_asked_for() -> None:
    # Every image beyond the first 12 has the wrong label.
    data = resident(40, size_px=4)
    data.labels_N[12:] = 1 - data.labels_N[12:]
    validation = resident(20, seed=1, size_px=4)
    config = ClassifierConfig(epochs=40, batch_size=4, lr=0.1, precision="fp32")

    trainer = Trainer(config, data, 2, lambda _: RecordingNet())
    fitted = trainer.fit(torch.arange(12), seed=0, validation=validation)

    assert torch.equal(fitted.val_logits[-1].argmax(1), validation.labels_N)


@pytest.mark.parametrize("num", [3, 12])
def test_a_training_may_have_a_single_step(num: int, fit_recording) -> None:
    config = ClassifierConfig(epochs=1, batch_size=12)

    assert fit_recording(config, num).model.steps == [num]


@pytest.mark.slow
def test_trainings_side_by_side_are_those_one_after_the_other() -> None:
    data, validation = resident(40), resident(7, seed=1)
    trainings = [(torch.arange(40), 3), (torch.arange(20), 3), (torch.arange(40), 4)]

    together = Trainer(QUICK, data, 2).fit_many(trainings, validation)

    for (rows_N, seed), one in zip(trainings, together, strict=True):
        alone = fit(QUICK, data, rows_N, 2, seed, validation)
        assert torch.equal(one.val_logits[0], alone.val_logits[0])


def test_nothing_is_read_before_the_device_has_done_what_is_queued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    # The package has a function of the module's name.
    module = sys.modules["rlsel.classifier.fit"]
    monkeypatch.setattr(module, "_wait_for", lambda device: order.append("waited"))
    result = module.PlainSteps.result
    monkeypatch.setattr(
        module.PlainSteps, "result", lambda steps: order.append("read") or result(steps)
    )
    trainer = Trainer(QUICK, resident(12, size_px=4), 2, lambda _: RecordingNet())

    trainer.fit(torch.arange(12), seed=0)

    assert order[:2] == ["waited", "read"]


@pytest.mark.gpu
@pytest.mark.parametrize(
    "changed",
    [
        {"acceleration": "graphs"},
        {"acceleration": "graphs", "colour_jitter": 0.2},
        {"acceleration": "compile"},
    ],
)
def test_a_replayed_graph_learns_what_plain_steps_learn(changed: dict[str, Any]) -> None:
    put = [on_gpu(40), on_gpu(7, seed=1)]
    rows_N = torch.arange(40)
    config = replace(QUICK, **changed)
    trainer = Trainer(config, put[0], 2)

    plain = Trainer(replace(config, acceleration="none"), put[0], 2)
    expected = plain.fit(rows_N, 3, put[1]).val_logits[0]

    for _ in range(2):  # the second starts where the first has left its weights
        ours = trainer.fit(rows_N, 3, put[1]).val_logits[0]
        torch.testing.assert_close(ours, expected, rtol=0.05, atol=0.05)
    several = trainer.fit_many([(rows_N, 3), (rows_N[:20], 5), (rows_N, 3)], put[1])
    torch.testing.assert_close(several[0].val_logits[0], expected, rtol=0.05, atol=0.05)
    torch.testing.assert_close(several[2].val_logits[0], expected, rtol=0.05, atol=0.05)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_curve_on_a_gpu(precision: Any) -> None:
    images, validation = on_gpu(40), on_gpu(7, seed=1)
    trainer = Trainer(replace(QUICK, precision=precision), images, 2)

    first, second = (trainer.fit(torch.arange(40), 3, validation) for _ in range(2))

    assert torch.equal(first.val_logits[0], second.val_logits[0])


def on_gpu(num: int, seed: int = 0) -> Resident:
    images, device = resident(num, seed=seed), torch.device("cuda")
    return Resident(images.images_NCHW.to(device), images.labels_N.to(device))
