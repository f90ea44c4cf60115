"""Logits and penultimate features of a fitted classifier."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rlsel.classifier.resident import Precision, Resident, autocast, normalise
from rlsel.classifier.resnet import features_before_head

CHUNK = 512
"""Images a forward pass; bounds the memory of prediction, not its result."""


@torch.inference_mode()
def predict(
    model: nn.Module, data: Resident, precision: Precision = "auto"
) -> Float[Tensor, "n num_classes"]:
    """Logits of every image, float32, with the model in evaluation mode."""
    return map_chunks(model, data, precision)


@torch.inference_mode()
def map_chunks(model: nn.Module, data: Resident, precision: Precision) -> Float[Tensor, "n ..."]:
    """What `model`, in evaluation mode, makes of every image, float32."""
    model.eval()
    with autocast(data.device, precision):
        chunks = [model(normalise(chunk)).float() for chunk in data.images_NCHW.split(CHUNK)]
    return torch.cat(chunks)


@torch.inference_mode()
def extract_features(
    model: nn.Module, data: Resident, precision: Precision = "fp32"
) -> tuple[Float[Tensor, "n 512"], Float[Tensor, "n num_classes"]]:
    """Inputs of the last linear layer, and the logits made of them, both float32."""
    model.eval()
    with autocast(data.device, precision):
        chunks = [
            features_before_head(model, normalise(chunk)).float()
            for chunk in data.images_NCHW.split(CHUNK)
        ]
    features_NF = torch.cat(chunks)
    return features_NF, model.get_submodule("fc")(features_NF)
