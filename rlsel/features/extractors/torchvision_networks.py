"""Classification networks of torchvision without their last layer."""

import re
import sys
from collections import OrderedDict
from difflib import get_close_matches
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from torch import Tensor, nn
from torchvision import models
from torchvision.models import WeightsEnum
from torchvision.models.vision_transformer import interpolate_embeddings

from rlsel.classifier.resnet import weights_digest
from rlsel.errors import InputError
from rlsel.features.extractors.config import TorchvisionExtractor, is_word
from rlsel.features.extractors.network import FrozenNetwork, misfit
from rlsel.features.extractors.state_dicts import read_state, require_file, take_over
from rlsel.machine.progress import console

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""Heads of GoogLeNet and Inception that are used only in training."""
OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")
"""Layer names in torchvision's own files of DenseNets, such as norm.1 for the present norm1."""
INCEPTIONS = ("googlenet", "inception_v3")


def require_torchvision(config: TorchvisionExtractor) -> None:
    """Refuse a network that torchvision does not have, and missing weights.

    Raises:
        InputError: something is missing; the message names the choices.
    """
    known = models.list_models(module=models)
    if config.model not in known:
        close = get_close_matches(config.model, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
        raise InputError(
            f"features.extractor.model: torchvision classifies by no {config.model!r}; {hint}"
        )
    if config.weights != "random" and _named(config) is None:
        require_file(config.weights)


def torchvision_identity(config: TorchvisionExtractor) -> object:
    """The identity of the weights: the name of torchvision's file, which contains a hash, or the
    hash of the user's file; None for random weights."""
    weights, named = None, _named(config)
    if named is not None:
        weights = named.url.rsplit("/", 1)[-1]
    elif config.weights != "random":
        weights = weights_digest(require_file(config.weights))
    return torchvision.__version__, config.model, weights


def torchvision_network(config: TorchvisionExtractor, seed: int) -> FrozenNetwork:
    """The network with its weights, on the CPU.

    Args:
        seed: Seed of random weights.

    Raises:
        InputError: the weights are missing, cannot be downloaded, or are of another network.
    """
    require_torchvision(config)
    named = _named(config)
    usual: Any = (named or _first_weights(config)).transforms()
    size = config.size_px or usual.crop_size[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _build(config.model, size)
    head = _take_off_last_layer(model, config.model)
    if config.weights != "random":
        state = _downloaded(named) if named else read_state(require_file(config.weights))
        where = config.weights if named is None else f"torchvision's {config.weights}"
        unused = (head.split(".")[0] + ".", *AUXILIARY)
        take_over(model, _as_of_today(state, model, size), config.model, where, unused)
    return FrozenNetwork(
        name=config.model,
        model=model.eval(),
        size_px=size,
        mean=config.mean or tuple(usual.mean),
        std=config.std or tuple(usual.std),
        interpolation="bicubic" if usual.interpolation.value == "bicubic" else "bilinear",
    )


def _named(config: TorchvisionExtractor) -> WeightsEnum | None:
    """The named weights of torchvision; None for random weights and files.

    Raises:
        InputError: torchvision has no weights of that name.
    """
    if config.weights == "random" or not is_word(config.weights):
        return None
    known = models.get_model_weights(config.model)
    if config.weights not in known.__members__:
        raise InputError(
            f"features.extractor.weights is {config.weights!r}; for {config.model} it may be "
            f"{', '.join(known.__members__)}, random, or the path of a state dict"
        )
    return known[config.weights]


def _first_weights(config: TorchvisionExtractor) -> WeightsEnum:
    """Torchvision's first weights of the network, which define its usual size and scale."""
    return next(iter(models.get_model_weights(config.model)))


def _build(name: str, size: int) -> nn.Module:
    options: dict[str, Any] = {}
    if name.startswith("vit_"):
        options["image_size"] = size
    elif name.startswith("maxvit"):
        options["input_size"] = (size, size)
    elif name in INCEPTIONS:  # their weights by torchvision need another scale
        options = {"aux_logits": False, "init_weights": False, "transform_input": True}
    try:
        return models.get_model(name, weights=None, **options)
    except (ValueError, AssertionError) as error:
        raise InputError(misfit(name, size, error)) from None


def _take_off_last_layer(model: nn.Module, name: str) -> str:
    """Make `model` return the input of its last layer, and return the name of that layer.

    The last layer of a SqueezeNet is a convolution, followed by the mean over the image.
    """
    layers = [
        key for key, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    last = model.get_submodule(layers[-1])
    outputs = last.out_features if isinstance(last, nn.Linear) else last.out_channels
    if outputs != 1000:
        raise InputError(f"features.extractor.model: no last layer of {name} is known")
    parent, _, own = layers[-1].rpartition(".")
    setattr(model.get_submodule(parent), own, nn.Identity())
    return layers[-1]


def _downloaded(weights: WeightsEnum) -> dict[str, Tensor]:
    folder = f"{torch.hub.get_dir()}/checkpoints"
    try:
        return dict(weights.get_state_dict(progress=sys.stderr.isatty(), check_hash=True))
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"features.extractor.weights: cannot download {weights.name} ({error}); get "
            f"{weights.url} elsewhere and put it in {folder}, or give its path as weights"
        ) from None


def _as_of_today(state: dict[str, Tensor], model: nn.Module, size: int) -> dict[str, Tensor]:
    """Rename old layer names, and stretch the positions of a vision transformer to `size`."""
    state = {OLD_DENSENET.sub(r"\1\2", key): value for key, value in state.items()}
    positions, own = (one.get("encoder.pos_embedding") for one in (state, model.state_dict()))
    if positions is None or own is None or positions.shape == own.shape:
        return state
    console.print(f"features: the positions in the weights are stretched to {size} px")
    return dict(interpolate_embeddings(size, _patch_size(model), OrderedDict(state)))


def _patch_size(model: Any) -> int:
    return model.patch_size
