"""Networks of timm without their last layer. timm is an extra, imported where it is needed."""

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rlsel.classifier.resnet import weights_digest
from rlsel.errors import InputError
from rlsel.features.extractors.config import TimmExtractor, is_word
from rlsel.features.extractors.network import FrozenNetwork, misfit
from rlsel.features.extractors.state_dicts import read_state, require_file, take_over
from rlsel.machine.progress import console

HUB, FOLDER = "hf-hub:", "local-dir:"
WORDS = ("pretrained", "random")
STORED = ("model.safetensors", "pytorch_model.bin")
"""File names of weights on the Hugging Face hub."""


def require_timm(config: TimmExtractor) -> None:
    """Refuse a network that timm does not have, missing weights, and a missing timm.

    Raises:
        InputError: something is missing; the message names the remedy.
    """
    if find_spec("timm") is None:
        raise InputError(
            "features.extractor.name is timm, which is not installed: pip install 'rlsel[timm]'"
        )
    import timm

    if is_word(config.weights) and config.weights not in WORDS:
        raise InputError(
            f"features.extractor.weights is {config.weights!r}; for timm it may be pretrained, "
            "random, or the path of a state dict"
        )
    if config.model.startswith(FOLDER):
        _require_config(config)
    elif not config.model.startswith(HUB):
        known = [*timm.list_models(), *timm.list_pretrained()]
        if config.model not in known:
            close = get_close_matches(config.model, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "timm.list_models() has all"
            raise InputError(
                f"features.extractor.model: timm has no network {config.model!r}; {hint}"
            )
    _file_of(config)


def timm_identity(config: TimmExtractor) -> object:
    """The identity of network and weights: the content of the user's files, or for the hub the name
    and timm's version."""
    import timm

    files = (file for file in (_config_of(config), _file_of(config)) if file)
    model = FOLDER if config.model.startswith(FOLDER) else config.model
    word = config.weights if is_word(config.weights) else None
    return timm.__version__, model, word, *map(weights_digest, files)


def timm_network(config: TimmExtractor, seed: int) -> FrozenNetwork:
    """The network with its weights, on the CPU.

    Args:
        seed: Seed of random weights.

    Raises:
        InputError: the weights are missing, cannot be downloaded, or are of another network.
    """
    require_timm(config)
    from timm.data.config import resolve_model_data_config

    file = _file_of(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _create(config, is_pretrained=file is None and config.weights == "pretrained")
    if file is not None:
        take_over(model, _filtered(read_state(file), model), config.model, str(file), _head(model))
    usual = resolve_model_data_config(model)
    return FrozenNetwork(
        name=config.model,
        model=model.eval(),
        size_px=config.size_px or usual["input_size"][1],
        mean=config.mean or tuple(usual["mean"]),
        std=config.std or tuple(usual["std"]),
        interpolation="bicubic" if usual["interpolation"] == "bicubic" else "bilinear",
    )


def _create(config: TimmExtractor, is_pretrained: bool) -> nn.Module:
    import timm

    options: dict[str, Any] = {"pretrained": is_pretrained, "num_classes": 0}
    if is_pretrained:
        console.print(f"features: weights of {config.model}, from where timm finds them")
    with _speaking_for(config):
        if config.size_px is None:
            return timm.create_model(config.model, **options)
        try:
            return timm.create_model(config.model, img_size=config.size_px, **options)
        except TypeError:  # no argument img_size: it takes images of any size
            return timm.create_model(config.model, **options)
        except AssertionError as error:
            raise InputError(misfit(config.model, config.size_px, error)) from None


@contextmanager
def _speaking_for(config: TimmExtractor) -> Iterator[None]:
    """Turn errors of timm and the Hugging Face hub into one line; retries are not reported."""
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "timm")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    except (InputError, TypeError, AssertionError):
        raise
    except Exception as error:  # hub, HTTP and file libraries raise different errors
        reason = [*str(error).splitlines(), type(error).__name__][0]
        raise InputError(
            f"features.extractor: cannot get {config.model} ({reason}); download its config.json "
            "and model.safetensors elsewhere and give their folder as model: local-dir:FOLDER, or "
            "set HF_HOME to a cache of the hub that has them"
        ) from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _filtered(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Convert a state dict as timm does after a download: layers get timm's names, and positions
    are stretched to the input size of `model`."""
    change = getattr(inspect.getmodule(type(model)), "checkpoint_filter_fn", None)
    try:
        return state if change is None else change(state, model)
    except Exception:  # the state is of another network, which `take_over` reports
        return state


def _head(model: Any) -> tuple[str, ...]:
    """Prefixes of the names of the last layers."""
    from timm.models import get_pretrained_cfg_value

    about = model.pretrained_cfg
    names = about.get("classifier") or get_pretrained_cfg_value(about["architecture"], "classifier")
    every = (names,) if isinstance(names, str) else names or ()
    return tuple(name.split(".")[0] + "." for name in every)


def _file_of(config: TimmExtractor) -> Path | None:
    """The user's file of weights, given by path or in the folder of the model; None for weights of
    the hub and random weights."""
    if config.weights == "random":
        return None
    if not is_word(config.weights):
        return require_file(config.weights)
    if not config.model.startswith(FOLDER):
        return None
    folder = Path(config.model.removeprefix(FOLDER))
    found = [folder / name for name in STORED if (folder / name).is_file()]
    if not found:
        raise InputError(f"{folder}: holds no {' or '.join(STORED)}; give the weights by path")
    return found[0]


def _config_of(config: TimmExtractor) -> Path | None:
    """The file that describes the network, if the network is in a folder of the user."""
    if not config.model.startswith(FOLDER):
        return None
    return Path(config.model.removeprefix(FOLDER)) / "config.json"


def _require_config(config: TimmExtractor) -> None:
    path = _config_of(config)
    if path is None or not path.is_file():
        raise InputError(f"{path}: features.extractor.model is a folder without this file")
