"""Building a ResNet34, from scratch and from what a user hands in."""

from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from rlsel.classifier.resnet import build_resnet34
from rlsel.errors import InputError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet34.pt"
    torch.save(build_resnet34(2, seed=5).state_dict(), path)
    return path


def test_the_seed_alone_decides_the_weights() -> None:
    torch.manual_seed(1)
    once = build_resnet34(2, seed=3).state_dict()
    torch.manual_seed(2)
    again = build_resnet34(2, seed=3).state_dict()
    other = build_resnet34(2, seed=4).state_dict()

    assert all(torch.equal(once[name], again[name]) for name in once)
    assert not torch.equal(once["conv1.weight"], other["conv1.weight"])


def test_building_leaves_the_global_random_numbers_as_they_were() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()

    build_resnet34(2, seed=3)

    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_a_checkpoint_are_taken_over(checkpoint: Path) -> None:
    built, saved = build_resnet34(2, 0, checkpoint).state_dict(), torch.load(checkpoint)

    assert all(torch.equal(built[name], saved[name]) for name in saved)


def test_a_head_for_other_classes_is_replaced_with_a_warning(checkpoint: Path) -> None:
    with pytest.warns(UserWarning, match="head for other classes replaced by a fresh one"):
        model = build_resnet34(3, 0, checkpoint)

    assert model.fc.weight.shape == (3, 512)
    assert torch.equal(model.conv1.weight, torch.load(checkpoint)["conv1.weight"])
    assert torch.equal(model.fc.weight, build_resnet34(3, 0).fc.weight)


def test_a_missing_checkpoint_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.pt: classifier\.weights is no file"):
        build_resnet34(2, 0, tmp_path / "nowhere.pt")


@pytest.mark.parametrize("content", [b"", b"garbage, not a zip", b"PK\x03\x04 half a zip"])
def test_a_checkpoint_of_garbage_is_an_input_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"w\.pt: cannot be read as a PyTorch state dict"):
        build_resnet34(2, 0, path)


def test_a_checkpoint_cut_off_half_way_is_an_input_error(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.pt"
    content = checkpoint.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    with pytest.raises(InputError, match=r"half\.pt: cannot be read"):
        build_resnet34(2, 0, path)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(3)])
def test_a_file_that_holds_no_state_dict_is_an_input_error(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pt")

    with pytest.raises(InputError, match="holds no state dict"):
        build_resnet34(2, 0, tmp_path / "other.pt")


@pytest.mark.parametrize(("value", "said"), [(torch.nan, "NaN"), (-torch.inf, "infinity")])
def test_weights_that_are_not_finite_are_an_input_error(
    value: float, said: str, checkpoint: Path, tmp_path: Path
) -> None:
    state = torch.load(checkpoint)
    state["layer2.0.conv1.weight"][1, 2, 0, 1] = value
    torch.save(state, tmp_path / "w.pt")

    with pytest.raises(
        InputError, match=rf"w\.pt: its weights layer2\.0\.conv1.weight hold {said}"
    ):
        build_resnet34(2, 0, tmp_path / "w.pt")


def test_a_checkpoint_that_would_run_code_is_not_loaded(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "pickled.pt")

    with pytest.raises(InputError, match="cannot be read as a PyTorch state dict"):
        build_resnet34(2, 0, tmp_path / "pickled.pt")


def test_weights_of_another_architecture_are_an_input_error(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.save(resnet18(num_classes=2).state_dict(), tmp_path / "resnet18.pt")

    with pytest.raises(InputError, match=r"resnet18\.pt: not a torchvision ResNet34 state dict"):
        build_resnet34(2, 0, tmp_path / "resnet18.pt")
