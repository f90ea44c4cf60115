"""Where memory is short: known by any library's words, named, gone round, and given back."""

import sys
import weakref

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.gpu.balloon import TensorsUpTo
from rlsel.classifier import ClassifierConfig, Resident, Trainer, predict
from rlsel.machine.device_memory import (
    DeviceFullError,
    if_it_fits,
    in_chunks,
    is_out_of_memory,
    room_for,
)

CPU = torch.device("cpu")
NUM, SIZE_PX = 37, 8


class Mean(nn.Module):
    """Logits of an image's mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.fc(x_NCHW.mean((2, 3)))


def resident(num: int = NUM) -> Resident:
    images = np.random.default_rng(0).integers(0, 256, (num, SIZE_PX, SIZE_PX, 3), np.uint8)
    return Resident.put(images, np.arange(num) % 2, CPU)


def floats(num_images: int) -> int:
    """Bytes of so many images as float32."""
    return num_images * 3 * SIZE_PX * SIZE_PX * 4


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("CUDA error: out of memory"),
        DeviceFullError("out of memory on the GPU"),
    ],
)
def test_every_library_s_way_of_saying_it_is_understood(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA error: an illegal memory access"), ValueError("out of memory")]
)
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_a_broken_recording_is_put_down_to_the_memory_that_broke_it() -> None:
    def record() -> None:
        try:
            raise torch.OutOfMemoryError
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error")

    with pytest.raises(RuntimeError, match="previous error") as raised:
        record()

    assert is_out_of_memory(raised.value)


def test_of_nested_needs_the_innermost_is_named() -> None:
    with (
        pytest.raises(DeviceFullError, match=r"out of memory on this machine: the maps; smaller$"),
        room_for("a run", "stop"),
        room_for("the maps", "smaller"),
    ):
        raise torch.OutOfMemoryError


def test_what_did_not_fit_is_held_by_nobody_afterwards() -> None:
    held: list[weakref.ref] = []

    def work() -> None:
        tensor = torch.zeros(3)
        held.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError

    assert if_it_fits(work) is None
    assert held[0]() is None


@pytest.mark.parametrize(("most", "size"), [(5, 16), (1, 16), (16, 16), (7, 1)])
def test_slices_are_halved_until_they_fit_and_cover_all_rows_once(most: int, size: int) -> None:
    def work(chunk: slice) -> list[int]:
        if chunk.stop - chunk.start > most:
            raise torch.OutOfMemoryError
        return list(range(NUM))[chunk]

    pieces = list(in_chunks(work, NUM, size))

    assert [row for piece in pieces for row in piece] == list(range(NUM))
    assert all(len(piece) <= min(most, size) for piece in pieces)


def test_a_row_that_does_not_fit_alone_is_an_error() -> None:
    def work(chunk: slice) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        list(in_chunks(work, NUM, 4))


def test_prediction_goes_on_in_smaller_chunks() -> None:
    model, data = Mean(), resident()
    expected = predict(model, data, "fp32")

    with TensorsUpTo(floats(5)) as small:
        found = predict(model, data, "fp32")

    assert small.refused
    torch.testing.assert_close(found, expected)


def test_a_step_that_does_not_fit_names_the_batch_size_of_what_is_trained() -> None:
    config = ClassifierConfig(epochs=1, batch_size=16, precision="fp32", flips=False)
    trainer = Trainer(config, resident(), 2, lambda _: Mean(), setting="features.extractor")

    with (
        TensorsUpTo(floats(5)),
        pytest.raises(
            DeviceFullError,
            match=r"1 training in steps of 16 inputs of 3 x 8 x 8; lower features\.extractor\.ba",
        ),
    ):
        trainer.fit(torch.arange(NUM), 0)


def test_images_that_do_not_fit_are_not_put_down_to_the_batch_size() -> None:
    with (
        TensorsUpTo(100),
        pytest.raises(DeviceFullError, match=r"37 images of 8 x 8 px take 0\.00 GiB; lower data"),
    ):
        resident()


def test_a_step_that_cannot_be_recorded_is_taken_plainly_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    # The package has a function of the module's name.
    monkeypatch.setattr(sys.modules["rlsel.classifier.fit"], "GraphedSteps", refuse)
    trainer = Trainer(ClassifierConfig(), resident(), 2, lambda _: Mean())

    assert not trainer._record(2)
    assert "cannot be recorded as a CUDA graph (CUDA error: operation not perm" in trainer.warning
    assert "more" not in trainer.warning


def test_where_memory_is_short_for_recording_several_fewer_are_tried_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(sys.modules["rlsel.classifier.fit"], "GraphedSteps", refuse)
    trainer = Trainer(ClassifierConfig(), resident(), 2, lambda _: Mean())

    with pytest.raises(torch.OutOfMemoryError):
        trainer._record(2)
    assert not trainer._record(1)


def test_trainings_side_by_side_take_their_steps_in_turn() -> None:
    order: list[str] = []

    class Noting(Mean):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x_NCHW: Tensor) -> Tensor:
            if self.training:
                order.append(self.name)
            return super().forward(x_NCHW)

    config = ClassifierConfig(epochs=2, batch_size=4, precision="fp32", flips=False)
    trainer = Trainer(config, resident(), 2, lambda seed: Noting("ab"[seed]))
    trainer.fit_many([(torch.arange(8), 0), (torch.arange(12), 1)])

    assert "".join(order) == "abab" + "b" + "abab" + "b"
