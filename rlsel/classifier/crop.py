"""Convolutions without the taps that only meet padding.

If images are small, the last feature maps are smaller than the 3 x 3 kernels that slide over them.
At 32 px the last stage of a ResNet34 works on maps of one pixel: eight of nine taps, 11 of the
network's 21 million weights, only ever meet the zeros of the padding. These taps add nothing to an
output and get no gradient, but cost a third of every training step.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models import ResNet


def crop_kernels(model: ResNet, size: tuple[int, int]) -> ResNet:
    """Drop the taps without effect on images of `size` (height, width); changes `model` in place.

    For such images the outputs and every gradient that is not zero stay the same. Afterwards the
    model must not be used on images of another size.
    """
    sizes = _input_sizes(model, size)
    for name, (height, width) in sizes.items():
        parent, _, attribute = name.rpartition(".")
        conv = model.get_submodule(name)
        assert isinstance(conv, nn.Conv2d)
        cropped = _crop(conv, height, width)
        if cropped is not None:
            setattr(model.get_submodule(parent), attribute, cropped)
    return model


def _input_sizes(model: ResNet, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Height and width of the input of each convolution."""
    seen: dict[str, tuple[int, int]] = {}

    def note(name: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen[name] = (inputs[0].shape[2], inputs[0].shape[3])

    hooks = [
        module.register_forward_pre_hook(partial(note, name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    was_training = model.training
    device = next(model.parameters()).device
    with torch.inference_mode():
        model.eval()(torch.zeros(1, 3, *size, device=device))
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return seen


def _crop(conv: nn.Conv2d, height: int, width: int) -> nn.Conv2d | None:
    """The same convolution with fewer taps, or None if every tap sees a pixel."""
    rows, columns = (_useful_taps(conv, axis, size) for axis, size in enumerate((height, width)))
    kernel = (len(rows), len(columns))
    if kernel == conv.kernel_size:
        return None
    cropped = nn.utils.skip_init(  # draws no random numbers
        nn.Conv2d,
        conv.in_channels,
        conv.out_channels,
        kernel,
        (conv.stride[0], conv.stride[1]),
        (_padding(conv, 0) - rows.start, _padding(conv, 1) - columns.start),
        bias=False,
    )
    weight_OIHW = conv.weight.detach()[
        :, :, rows.start : rows.stop, columns.start : columns.stop
    ].contiguous()
    assert isinstance(cropped, nn.Conv2d)
    cropped.weight = nn.Parameter(weight_OIHW)
    return cropped


def _useful_taps(conv: nn.Conv2d, axis: int, length: int) -> range:
    """The taps along one axis that meet a pixel for at least one output."""
    size, stride, padding = conv.kernel_size[axis], conv.stride[axis], _padding(conv, axis)
    num_outputs = (length + 2 * padding - size) // stride + 1
    meeting = [
        tap
        for tap in range(size)
        if any(0 <= output * stride - padding + tap < length for output in range(num_outputs))
    ]
    return range(meeting[0], meeting[-1] + 1)


def _padding(conv: nn.Conv2d, axis: int) -> int:
    padding = conv.padding[axis]
    assert isinstance(padding, int)  # not a word such as "same"
    return padding
