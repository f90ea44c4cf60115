"""Networks of torchvision give what enters their last layer, and take over weights whole or not."""

from collections import OrderedDict
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from rlsel.errors import InputError
from rlsel.features.extractors import identity_of, require_extractor
from rlsel.features.extractors.config import TorchvisionExtractor
from rlsel.features.extractors.network import require_fitting
from rlsel.features.extractors.torchvision_networks import _as_of_today, torchvision_network

CPU = torch.device("cpu")
SMALL = "shufflenet_v2_x0_5"
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def extractor(weights: object, model: str = SMALL, **settings: Any) -> TorchvisionExtractor:
    return TorchvisionExtractor(model=model, weights=str(weights), **settings)


def weights_of(config: TorchvisionExtractor) -> dict[str, Tensor]:
    return torchvision_network(config, 0).model.state_dict()


def seeded(name: str) -> nn.Module:
    """With the weights that `random` has by the seed 0."""
    torch.manual_seed(0)
    return models.get_model(name, weights=None).eval()


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def whole() -> nn.Module:
    return seeded(SMALL)


@pytest.fixture(scope="module")
def checkpoint(whole: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(whole.state_dict(), tmp_path_factory.mktemp("weights") / "small.pt")


@pytest.mark.parametrize(
    ("name", "last", "size"),
    [
        ("resnet18", "fc", 512),
        ("densenet121", "classifier", 1024),
        ("efficientnet_b0", "classifier.1", 1280),
        ("mobilenet_v3_small", "classifier.3", 1024),
        ("convnext_tiny", "classifier.2", 768),
        ("regnet_x_400mf", "fc", 400),
        ("shufflenet_v2_x0_5", "fc", 1024),
        ("swin_t", "head", 768),
    ],
)
def test_features_are_what_enters_the_last_layer(name: str, last: str, size: int) -> None:
    network = torchvision_network(extractor("random", name, size_px=64), 0)
    whole, entered = seeded(name), list[Tensor]()
    whole.get_submodule(last).register_forward_pre_hook(lambda _, given: entered.append(given[0]))

    features_NF = network.features_of(IMAGES, CPU)

    x_NCHW = torch.tensor(IMAGES).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        whole((x_NCHW - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None])
    assert features_NF.shape == (3, size)
    assert features_NF.dtype == np.float32
    expected_NF = entered[0].numpy()
    assert expected_NF.std(axis=1).min() > 0
    assert features_NF == pytest.approx(expected_NF, abs=1e-5 * float(abs(expected_NF).max()))


def test_a_network_that_ends_in_a_convolution_gives_the_mean_of_what_enters_it() -> None:
    network = torchvision_network(extractor("random", "squeezenet1_1", size_px=64), 0)

    features_NF = network.features_of(IMAGES, CPU)

    assert features_NF.shape == (3, 512)
    assert (features_NF >= 0).all()
    assert features_NF.std(axis=0).max() > 0


def test_a_vision_transformer_is_built_for_the_size_it_is_fed() -> None:
    network = torchvision_network(extractor("random", "vit_b_32", size_px=64), 0)

    assert network.features_of(IMAGES, CPU).shape == (3, 768)


def test_positions_of_a_vision_transformer_are_stretched_to_another_size() -> None:
    def small(size: int) -> models.VisionTransformer:
        return models.VisionTransformer(size, 16, 1, 2, 16, 16)

    state, model = small(32).state_dict(), small(64)

    fitting = _as_of_today(dict(state), model, 64)

    assert fitting["encoder.pos_embedding"].shape == (1, 17, 16)
    assert model.load_state_dict(fitting)
    assert torch.equal(fitting["class_token"], state["class_token"])


def test_layers_of_a_densenet_may_be_called_as_in_the_files_of_torchvision() -> None:
    state = {"features.denseblock1.denselayer2.norm.1.weight": torch.ones(1)}

    now = _as_of_today(state, nn.Identity(), 224)

    assert list(now) == ["features.denseblock1.denselayer2.norm1.weight"]


def test_what_wraps_a_network_may_stand_before_the_names(whole: nn.Module, tmp_path: Path) -> None:
    state = whole.state_dict()
    wrapped = OrderedDict((f"module.{key}", value) for key, value in state.items())

    taken = weights_of(extractor(saved(wrapped, tmp_path / "wrapped.pt")))

    assert taken.keys() == state.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(value, state[key]) for key, value in taken.items())


@pytest.mark.parametrize(
    "head",
    [{}, {"fc.weight": torch.ones(7, 5), "fc.bias": torch.ones(7)}, {"fc.1.weight": torch.ones(7)}],
)
def test_the_last_layer_of_the_weights_does_not_matter(
    head: dict[str, Tensor], whole: nn.Module, tmp_path: Path
) -> None:
    state = {key: value + 1 for key, value in whole.state_dict().items() if key[:3] != "fc."}

    taken = weights_of(extractor(saved(state | head, tmp_path / "head.pt")))

    assert all(torch.equal(value, state[key]) for key, value in taken.items())


def test_weights_that_are_not_whole_are_refused_with_what_is_wrong(
    whole: nn.Module, tmp_path: Path
) -> None:
    state = whole.state_dict()
    del state["conv5.0.weight"], state["conv5.1.num_batches_tracked"]
    state["conv6.0.weight"] = torch.ones(64, 64, 3, 3)
    state["conv1.0.weight"] = torch.ones(24, 1, 3, 3)
    path = saved(state, tmp_path / "wrong.pt")

    with pytest.raises(InputError) as caught:
        weights_of(extractor(path))

    assert str(caught.value) == (
        f"{path}: no weights of {SMALL}: it lacks 'conv5.0.weight'; it has besides "
        "'conv6.0.weight'; differ: 'conv1.0.weight (24 x 1 x 3 x 3 for 24 x 3 x 3 x 3)'"
    )


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("nowhere.pt", "nowhere.pt: features.extractor.weights is no file; give a state dict"),
        (
            "IMAGENET1K_V2",
            f"features.extractor.weights is 'IMAGENET1K_V2'; for {SMALL} it may be IMAGENET1K_V1, "
            "DEFAULT, random, or the path of a state dict",
        ),
    ],
)
def test_weights_that_are_not_there_are_refused_before_anything_is_read(
    weights: str, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        require_extractor(extractor(weights))

    assert str(caught.value) == said


def test_weights_that_are_not_finite_are_refused(whole: nn.Module, tmp_path: Path) -> None:
    state = {name: value.clone() for name, value in whole.state_dict().items()}
    state["conv1.0.weight"][1, 1, 1, 1] = torch.nan
    path = saved(state, tmp_path / "spoilt.pt")

    with pytest.raises(InputError, match=r"spoilt\.pt: its weights conv1\.0\.weight hold NaN"):
        weights_of(extractor(path))


def test_an_unknown_network_is_refused_with_those_that_sound_alike() -> None:
    with pytest.raises(InputError, match=r"by no 'resnet-50'; did you mean resnet50 or "):
        require_extractor(extractor("random", "resnet-50"))


def test_without_a_network_it_is_said_what_to_get_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)

    with pytest.raises(InputError) as caught:
        weights_of(extractor("DEFAULT", "resnet18"))

    said = str(caught.value)
    assert said.startswith("features.extractor.weights: cannot download IMAGENET1K_V1 (")
    assert "resnet18-f37072fd.pth elsewhere and put it in " in said
    assert f"{torch.hub.get_dir()}/checkpoints" in said


def test_weights_of_torchvision_come_with_their_size_and_scale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = seeded("efficientnet_b0").state_dict()
    monkeypatch.setattr(
        "torchvision.models._api.load_state_dict_from_url", lambda *_, **__: dict(state)
    )

    network = torchvision_network(extractor("DEFAULT", "efficientnet_b0"), 0)

    assert (network.size_px, network.interpolation) == (224, "bicubic")
    assert (network.mean, network.std) == (MEAN, STD)
    assert torch.equal(
        network.model.state_dict()["features.0.0.weight"], state["features.0.0.weight"]
    )


def test_a_size_that_a_network_does_not_take_is_refused() -> None:
    with pytest.raises(InputError, match=r"features\.extractor\.size_px: alexnet takes no images"):
        require_fitting(torchvision_network(extractor("random", "alexnet", size_px=16), 0))
    with pytest.raises(InputError, match="vit_b_32 takes no images of 50 px"):
        torchvision_network(extractor("random", "vit_b_32", size_px=50), 0)


def test_images_are_resized_and_put_on_the_scale_that_is_asked_for(checkpoint: Path) -> None:
    config = extractor(checkpoint, size_px=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    fed: list[Tensor] = []
    network = torchvision_network(config, 0)
    network.model.register_forward_pre_hook(lambda _, given: fed.append(given[0]))

    network.features_of(np.full((2, 20, 28, 3), 255, np.uint8), CPU)

    assert fed[0].shape == (2, 3, 32, 32)
    assert fed[0] == pytest.approx(torch.ones(2, 3, 32, 32), abs=1e-5)


def test_random_weights_follow_from_the_seed_and_leave_global_numbers_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    config = extractor("random", size_px=32)

    one, same, other = (torchvision_network(config, seed).model for seed in (3, 3, 4))

    assert torch.equal(torch.get_rng_state(), before)
    weights = [model.get_parameter("conv1.0.weight") for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_identity_is_the_content_of_the_weights_and_not_their_path(
    checkpoint: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(checkpoint.read_bytes())
    known = identity_of(extractor(checkpoint), 0)

    assert identity_of(extractor(copy), 7) == known

    copy.write_bytes(checkpoint.read_bytes() + b"x")
    others = [
        identity_of(extractor(copy), 0),
        identity_of(extractor(checkpoint, size_px=32), 0),
        identity_of(extractor(checkpoint, "shufflenet_v2_x1_0"), 0),
        identity_of(extractor(checkpoint, mean=MEAN), 0),
        identity_of(extractor("DEFAULT"), 0),
        identity_of(extractor("random"), 0),
        identity_of(extractor("random"), 1),
    ]
    assert len({known, *others}) == 8
    assert identity_of(extractor("DEFAULT"), 1) == identity_of(extractor("IMAGENET1K_V1"), 0)
