"""torchvision's ResNet34, from scratch or from a user's checkpoint."""

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, resnet34

from rlsel.errors import InputError

FEATURE_SIZE = 512
"""Inputs of the last linear layer."""


Weights = Mapping[str, Tensor]
"""A state dict."""


def build_resnet34(num_classes: int, seed: int, weights: Path | Weights | None = None) -> ResNet:
    """A ResNet34 whose random numbers come only from `seed`; the global random state is unchanged.

    Args:
        weights: A state dict, or a file of one by `torch.save`. A head for another number of
            classes is replaced by a fresh one; every other layer must be there.

    Raises:
        InputError: `weights` is missing, unreadable or of another architecture.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resnet34(weights=None, num_classes=num_classes)
    if isinstance(weights, Path):
        _load_weights(model, read_weights(weights), str(weights))
    elif weights is not None:
        _load_weights(model, weights, "classifier.weights")
    return model


def weights_digest(path: Path) -> str:
    """Hash of a checkpoint's bytes, which does not depend on its path.

    Raises:
        InputError: there is no such file.
    """
    _require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def features_before_head(model: nn.Module, images_NCHW: Tensor) -> Tensor:
    """(n, 512) inputs of the last linear layer; the model is unchanged afterwards."""
    head, model.fc = model.fc, nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
    try:
        return model(images_NCHW)
    finally:
        model.fc = head


def split_at(model: ResNet, stage: str) -> tuple[nn.Sequential, nn.Sequential]:
    """The network before a stage (`layer1` ... `layer4`), and the rest from that stage on.

    Both share the weights of `model`.
    """
    children = [*model.named_children()]
    names = [name for name, _ in children]
    children.insert(names.index("fc"), ("flatten", nn.Flatten()))
    at = names.index(stage)
    return (
        nn.Sequential(OrderedDict(children[:at])),
        nn.Sequential(OrderedDict(children[at:])),
    )


def _load_weights(model: ResNet, weights: Weights, name: str) -> None:
    state = dict(weights)
    own = model.state_dict()
    head_fits = all(
        name in state and state[name].shape == own[name].shape for name in ("fc.weight", "fc.bias")
    )
    if not head_fits:
        state |= {name: own[name] for name in ("fc.weight", "fc.bias")}
        warnings.warn(f"{name}: head for other classes replaced by a fresh one", stacklevel=2)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{name}: not a torchvision ResNet34 state dict ({reason})") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict from a file, to be sent to machines that lack the file.

    Raises:
        InputError: the file is missing, or holds something else or weights that are not finite.
    """
    _require_file(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds of errors on damaged files
        reason = [*str(error).splitlines(), type(error).__name__][0]  # an EOFError says nothing
        raise InputError(f"{path}: cannot be read as a PyTorch state dict ({reason})") from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{path}: holds no state dict; save one with model.state_dict()")
    require_finite(state, path)
    return state


def require_finite(state: Weights, path: Path) -> None:
    """Refuse the weights of a training that diverged.

    Raises:
        InputError: a weight is NaN or infinity.
    """
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            said = "NaN" if torch.isnan(value).any() else "infinity"
            raise InputError(f"{path}: its weights {name} hold {said}; take another checkpoint")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: classifier.weights is no file; give a ResNet34 state dict")
