"""Prediction: one row an image, whatever the chunk, in the precision that was asked for."""

import sys

import numpy as np
import pytest
import torch
from torchvision.models import ResNet

from rlsel.classifier import Resident, extract_features, predict
from rlsel.classifier.resident import autocast, normalise
from rlsel.classifier.resnet import build_resnet34, features_before_head

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> ResNet:
    return build_resnet34(3, seed=0)


@pytest.fixture(scope="module")
def data() -> Resident:
    images = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3), np.uint8)
    return Resident.put(images, np.arange(11) % 3, CPU)


def test_pixels_run_from_minus_one_to_one() -> None:
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)[None, None, None]

    assert normalise(pixels).flatten().tolist() == pytest.approx([-1.0, -0.6, 1.0])


def test_images_are_put_channels_first() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 7, 3), np.uint8)

    resident = Resident.put(images, np.arange(5), CPU)

    assert len(resident) == 5
    assert resident.images_NCHW.shape == (5, 3, 3, 7)
    assert resident.images_NCHW[2, 1].tolist() == images[2, :, :, 1].tolist()


def test_on_a_cpu_images_are_used_where_they_lie() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 7, 3), np.uint8)
    images.flags.writeable = False  # as in the cache and in Ray's object store

    resident = Resident.put(images, np.arange(5), CPU)

    assert resident.images_NCHW.data_ptr() == images.ctypes.data


def test_chunks_do_not_change_the_result(
    model: ResNet, data: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_NC = predict(model, data, "fp32")
    features_NF, _ = extract_features(model, data)

    # The package has a function of the module's name.
    monkeypatch.setattr(sys.modules["rlsel.classifier.predict"], "CHUNK", 4)

    torch.testing.assert_close(predict(model, data, "fp32"), whole_NC)
    torch.testing.assert_close(extract_features(model, data)[0], features_NF)


def test_an_image_is_predicted_the_same_alone_and_among_others(
    model: ResNet, data: Resident
) -> None:
    alone = Resident(data.images_NCHW[3:4], data.labels_N[3:4])

    torch.testing.assert_close(predict(model, alone, "fp32")[0], predict(model, data, "fp32")[3])


def test_bf16_differs_from_fp32_by_its_rounding_alone(model: ResNet, data: Resident) -> None:
    full_NC, half_NC = predict(model, data, "fp32"), predict(model, data, "bf16")

    assert full_NC.dtype == half_NC.dtype == torch.float32
    assert not torch.equal(full_NC, half_NC)
    # bf16 has 8 bits of mantissa: a relative error of 2^-9 an operation.
    torch.testing.assert_close(half_NC, full_NC, rtol=0.1, atol=0.1 * float(full_NC.std()))


@pytest.mark.parametrize("native", [False, True])
def test_auto_is_bf16_where_the_hardware_multiplies_it(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlsel.classifier.resident.multiplies_bf16", lambda _: native)

    with autocast(CPU, "auto"):
        assert torch.is_autocast_enabled("cpu") is native


@pytest.mark.parametrize(("precision", "enabled"), [("bf16", True), ("fp32", False)])
def test_a_precision_asked_for_is_used_whatever_the_hardware(
    precision, enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlsel.classifier.resident.multiplies_bf16", lambda _: not enabled)

    with autocast(CPU, precision):
        assert torch.is_autocast_enabled("cpu") is enabled


def test_extraction_leaves_the_model_with_its_head(model: ResNet, data: Resident) -> None:
    head = model.fc

    extract_features(model, data)

    assert model.fc is head


def test_a_failed_extraction_leaves_the_model_with_its_head(model: ResNet) -> None:
    head = model.fc

    with pytest.raises(RuntimeError):
        features_before_head(model, torch.zeros((2, 5, 32, 32)))

    assert model.fc is head
