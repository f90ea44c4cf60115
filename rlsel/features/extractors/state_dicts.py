"""Read state dicts from files, and load them into a network, completely or not at all."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from rlsel.classifier.resnet import read_weights, require_finite
from rlsel.errors import InputError
from rlsel.machine.wording import first_few

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile put before every name."""
COUNTERS = "num_batches_tracked"
"""Counters of batch normalisation. Old checkpoints lack them; a frozen network does not need them.
"""


def require_file(weights: str) -> Path:
    """The path of a state dict.

    Raises:
        InputError: there is no such file.
    """
    path = Path(weights)
    if not path.is_file():
        raise InputError(f"{path}: features.extractor.weights is no file; give a state dict")
    return path


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict in PyTorch's format or in safetensors, without the prefixes of wrappers.

    Raises:
        InputError: the file is missing, or holds something else or weights that are not finite.
    """
    state = _read_safetensors(path) if path.suffix == ".safetensors" else read_weights(path)
    for wrapper in WRAPPERS:
        if state and all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise InputError(f"{path}: needs safetensors: pip install 'rlsel[timm]'") from None
    try:
        state = load_file(path)
    except Exception as error:  # safetensors has its own error class
        reason = [*str(error).splitlines(), type(error).__name__][0]
        raise InputError(f"{path}: cannot be read as safetensors ({reason})") from None
    require_finite(state, path)
    return state


def take_over(
    model: nn.Module,
    state: Mapping[str, Tensor],
    name: str,
    where: str,
    unused: tuple[str, ...] = (),
) -> None:
    """Load `state` into `model`.

    Args:
        name: Name of the network, for messages.
        where: Origin of the state, for messages.
        unused: Prefixes of names that `model` may lack, such as those of the last layer.

    Raises:
        InputError: something is missing, is of another shape, or belongs to another network.
    """
    own = model.state_dict()
    given = {key: value for key, value in state.items() if key in own}
    lacks = [key for key in own if key not in given and not key.endswith(COUNTERS)]
    others = [
        key
        for key in state
        if key not in own and not key.startswith(unused) and not key.endswith(COUNTERS)
    ]
    shapes = [
        f"{key} ({_shape(value)} for {_shape(own[key])})"
        for key, value in given.items()
        if value.shape != own[key].shape
    ]
    wrong = [
        f"{what} {first_few(keys)}"
        for what, keys in (("it lacks", lacks), ("it has besides", others), ("differ:", shapes))
        if keys
    ]
    if wrong:
        raise InputError(f"{where}: no weights of {name}: {'; '.join(wrong)}")
    model.load_state_dict(given, strict=False)


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "one number"
