"""Networks of timm: by name, from a folder, with weights of one's own."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from rlsel.errors import InputError
from rlsel.features.extractors import identity_of, require_extractor
from rlsel.features.extractors.config import TimmExtractor
from rlsel.features.extractors.network import require_fitting
from rlsel.features.extractors.timm_networks import timm_network

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
SMALL = "test_resnet"
"""timm's own network for tests."""


def extractor(weights: object, model: str = SMALL, **settings: Any) -> TimmExtractor:
    return TimmExtractor(model=model, weights=str(weights), **settings)


def features_of(config: TimmExtractor) -> np.ndarray:
    return timm_network(config, 0).features_of(IMAGES, CPU)


@pytest.fixture(scope="module")
def whole() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(SMALL, num_classes=7).eval()


@pytest.fixture(scope="module")
def checkpoint(whole: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "test.safetensors"
    save_file(whole.state_dict(), path)
    return path


def test_features_are_what_enters_the_last_layer(whole: Any, checkpoint: Path) -> None:
    config = extractor(checkpoint, size_px=32)

    features_NF = features_of(config)

    usual = timm.data.resolve_model_data_config(whole)
    mean, std = (torch.tensor(usual[key])[:, None, None] for key in ("mean", "std"))
    x_NCHW = (torch.tensor(IMAGES).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.inference_mode():
        expected_NF = whole.forward_head(whole.forward_features(x_NCHW), pre_logits=True)
    assert features_NF == pytest.approx(expected_NF.numpy(), abs=1e-5)
    assert features_NF.dtype == np.float32


def test_pickled_weights_with_names_of_data_parallel_are_the_same(
    whole: nn.Module, checkpoint: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wrapped.pt"
    torch.save({f"module.{key}": value for key, value in whole.state_dict().items()}, path)

    assert np.array_equal(features_of(extractor(path)), features_of(extractor(checkpoint)))


def test_a_network_in_a_folder_comes_with_its_weights(checkpoint: Path, tmp_path: Path) -> None:
    about = {
        "architecture": SMALL,
        "num_classes": 7,
        "pretrained_cfg": {"mean": [0.1] * 3, "input_size": [3, 32, 32]},
    }
    (tmp_path / "config.json").write_text(json.dumps(about))
    config = extractor("pretrained", f"local-dir:{tmp_path}")

    with pytest.raises(InputError, match=r"holds no model\.safetensors or pytorch_model\.bin"):
        require_extractor(config)
    (tmp_path / "model.safetensors").write_bytes(checkpoint.read_bytes())

    network = timm_network(config, 0)
    assert network.mean == (0.1,) * 3
    known = timm_network(extractor(checkpoint), 0).model.state_dict()
    assert all(torch.equal(known[key], value) for key, value in network.model.state_dict().items())


def test_positions_of_a_vision_transformer_are_stretched_to_another_size(tmp_path: Path) -> None:
    name, path = "test_vit", tmp_path / "vit.safetensors"
    state = timm.create_model(name).state_dict()
    save_file(state, path)

    network = timm_network(extractor(path, name, size_px=96), 0)

    require_fitting(network)
    stretched = network.model.get_parameter("pos_embed")
    assert stretched.shape[1] < state["pos_embed"].shape[1]


def test_weights_that_are_not_finite_are_refused(whole: nn.Module, tmp_path: Path) -> None:
    state = {name: value.clone() for name, value in whole.state_dict().items()}
    name = next(iter(state))
    state[name].view(-1)[3] = torch.nan
    path = tmp_path / "spoilt.safetensors"
    save_file(state, path)

    with pytest.raises(InputError) as caught:
        features_of(extractor(path))

    assert str(caught.value) == f"{path}: its weights {name} hold NaN; take another checkpoint"


def test_weights_of_another_network_are_refused(checkpoint: Path) -> None:
    with pytest.raises(InputError, match=r"test\.safetensors: no weights of test_convnext: it lac"):
        timm_network(extractor(checkpoint, "test_convnext"), 0)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (extractor("random", "resnet5"), "timm has no network 'resnet5'; did you mean resnet5"),
        (extractor("random", "resnet50.mine"), "timm has no network 'resnet50.mine'; did you mean"),
        (
            extractor("DEFAULT"),
            "for timm it may be pretrained, random, or the path of a",
        ),
        (extractor("a/b.pt"), "a/b.pt: features.extractor.weights is no file; give a state dict"),
        (extractor("pretrained", "local-dir:nowhere"), "nowhere/config.json: features.extractor."),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_read(
    config: TimmExtractor, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        require_extractor(config)

    assert said in str(caught.value)


def test_without_timm_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)

    with pytest.raises(InputError, match=r"not installed: pip install 'rlsel\[timm\]'"):
        require_extractor(extractor("random"))


def test_without_a_network_it_is_said_what_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("timm.models._hub.hf_hub_download", unreachable)

    for model in (SMALL, "hf-hub:owner/name"):
        with pytest.raises(InputError) as caught:
            timm_network(extractor("pretrained", model), 0)

        assert str(caught.value).startswith(
            f"features.extractor: cannot get {model} (no route to host); download its config.json "
        )


def test_the_identity_is_the_content_of_the_weights(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(checkpoint.read_bytes())
    known = identity_of(extractor(checkpoint), 0)

    assert identity_of(extractor(copy), 1) == known
    copy.write_bytes(checkpoint.read_bytes() + b"x")
    others = [
        identity_of(extractor(copy), 0),
        identity_of(extractor(checkpoint, "resnet18"), 0),
        identity_of(extractor("pretrained"), 0),
        identity_of(extractor("random"), 0),
        identity_of(extractor("random"), 1),
    ]
    assert len({known, *others}) == 6
