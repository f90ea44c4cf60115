"""Logits and penultimate features of a fitted classifier."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rlsel.classifier.resident import Resident, autocast, normalise
from rlsel.classifier.resnet import features_before_head
from rlsel.machine.device import Precision
from rlsel.machine.device_memory import in_chunks

CHUNK = 512
"""Images per forward pass, fewer if memory is short; the result does not depend on it."""


@torch.inference_mode()
def predict(
    model: nn.Module, data: Resident, precision: Precision = "auto"
) -> Float[Tensor, "n num_classes"]:
    """Logits of every image, float32, with the model in evaluation mode."""
    return map_chunks(model, data, precision)


@torch.inference_mode()
def map_chunks(model: nn.Module, data: Resident, precision: Precision) -> Float[Tensor, "n ..."]:
    """The outputs of `model` in evaluation mode for every image, float32."""
    model.eval()
    return _run(model, data, precision)


@torch.inference_mode()
def extract_features(
    model: nn.Module, data: Resident, precision: Precision = "fp32"
) -> tuple[Float[Tensor, "n 512"], Float[Tensor, "n num_classes"]]:
    """Inputs of the last linear layer, and the logits, both float32."""
    model.eval()
    features_NF = _run(partial(features_before_head, model), data, precision)
    return features_NF, model.get_submodule("fc")(features_NF)


def _run(
    forward: Callable[[Tensor], Tensor], data: Resident, precision: Precision
) -> Float[Tensor, "n ..."]:
    def run(chunk: slice) -> Tensor:
        with autocast(data.device, precision):
            return forward(normalise(data.images_NCHW[chunk])).float()

    return _gathered(in_chunks(run, len(data), CHUNK), len(data))


def _gathered(chunks: Iterator[Tensor], num: int) -> Float[Tensor, "n ..."]:
    """All rows in one tensor, filled chunk by chunk. Joining the chunks at the end would hold the
    feature maps of all images twice."""
    chunk = next(chunks)
    rows_N = chunk.new_empty(num, *chunk.shape[1:])
    start = 0
    while start < num:
        rows_N[start : start + len(chunk)] = chunk
        start += len(chunk)
        chunk = next(chunks, chunk)
    return rows_N
