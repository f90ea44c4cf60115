"""A cropped network computes what the whole one does."""

import pytest
import torch

from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.resnet import build_resnet34


@pytest.mark.parametrize(
    "size", [(4, 4), (16, 16), (17, 32), (32, 32), (33, 33), (32, 70), (64, 64)]
)
def test_outputs_and_gradients_stay_the_same(size: tuple[int, int]) -> None:
    # Double precision: batch normalisation of few tiny maps blows up what is rounded.
    whole = build_resnet34(2, 0).double()
    cropped = crop_kernels(build_resnet34(2, 0), size).double()
    images_NCHW = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0)).double()

    logits_NC, cropped_NC = whole(images_NCHW), cropped(images_NCHW)

    torch.testing.assert_close(cropped_NC, logits_NC, rtol=1e-6, atol=1e-6)
    logits_NC.sum().backward()
    cropped_NC.sum().backward()
    for (name, expected), (_, ours) in zip(
        whole.named_parameters(), cropped.named_parameters(), strict=True
    ):
        assert expected.grad is not None
        assert ours.grad is not None
        assert ours.grad.norm().item() == pytest.approx(
            expected.grad.norm().item(), rel=1e-5, abs=1e-8
        ), name


@pytest.mark.parametrize(("side", "millions"), [(16, 3.8), (32, 10.1), (64, 21.3)])
def test_what_only_sees_padding_goes(side: int, millions: float) -> None:
    model = crop_kernels(build_resnet34(2, 0), (side, side))

    size = sum(parameter.numel() for parameter in model.parameters())

    assert size / 1e6 == pytest.approx(millions, abs=0.05)
