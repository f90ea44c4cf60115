"""Both networks: which sizes they take, what each switch changes, who sees what."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from rlsel.data.pattern import shared_pattern
from rlsel.errors import InputError
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.layers import MinibatchStd, SelfAttention2d
from rlsel.generators.histogan.networks import (
    Discriminator,
    Generator,
    require_fitting_size,
)
from rlsel.generators.histogan.sampling import to_uint8

NUM_CLASSES = 3
SIZE = (16, 24)


def small_config(**changed: Any) -> HistoGANConfig:
    """Noise of 13 does not divide into its 3 chunks."""
    small = {"channels": 4, "max_channels": 11, "noise_size": 13, "class_embedding_size": 5}
    return HistoGANConfig(**small | changed)


def generator(size: tuple[int, int] = SIZE, **changed: Any) -> Generator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Generator(small_config(**changed), NUM_CLASSES, size)


def discriminator(size: tuple[int, int] = SIZE, **changed: Any) -> Discriminator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Discriminator(small_config(**changed), NUM_CLASSES, size)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def labels(num: int = 7) -> Tensor:
    return torch.arange(num) % NUM_CLASSES


def images(num: int = 7, size: tuple[int, int] = SIZE) -> Tensor:
    return normal(num, 3, *size).tanh()


def weights(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def normalised_modules(network: nn.Module) -> Iterator[Any]:
    return (module for module in network.modules() if is_parametrized(module, "weight"))


@pytest.mark.parametrize(
    ("size", "first"),
    [
        ((16, 16), (4, 4)),
        ((32, 32), (4, 4)),
        ((96, 96), (6, 6)),
        ((56, 40), (7, 5)),
        ((256, 128), (8, 4)),
        ((128, 256), (4, 8)),
    ],
)
def test_images_have_the_size_asked_for(size: tuple[int, int], first: tuple[int, int]) -> None:
    network, judge = generator(size, channels=1), discriminator(size, channels=1)

    images_BCHW = network(normal(2, 13), labels(2))

    assert images_BCHW.shape == (2, 3, *size)
    assert network.first_map[1:] == first
    assert judge(images_BCHW, labels(2)).shape == (2,)


@given(size=st.tuples(st.integers(1, 300), st.integers(1, 300)))
@settings(max_examples=20, deadline=None)
def test_a_size_is_taken_or_the_nearest_are_named(size: tuple[int, int]) -> None:
    try:
        require_fitting_size(size)
    except InputError as error:
        named = str(error).rsplit(": ", maxsplit=1)[1].split(" or ")
        assert len(named) == 2
        for one in named:
            height, width = (int(side) for side in (one.strip("[]").split(", ") * 2)[:2])
            require_fitting_size((height, width))
    else:
        assert all(side % 4 == 0 for side in size)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((100, 100), "96 or 112"),
        ((50, 50), "48 or 56"),
        ((61, 61), "64 or 56"),
        ((250, 130), r"\[256, 128\] or "),
        ((33, 32), r"\[32, 32\] or "),
        ((1000, 1000), "256 or 224"),
        ((3, 3), "16 or 20"),
    ],
)
def test_sizes_that_do_not_divide_name_the_nearest_that_do(
    size: tuple[int, int], nearest: str
) -> None:
    for build in (generator, discriminator):
        with pytest.raises(
            InputError, match=rf"{size[0]}x{size[1]} px .*data\.size_px .*{nearest}"
        ):
            build(size)


def test_images_lie_between_minus_one_and_one_and_differ() -> None:
    images_BCHW = generator()(10 * normal(7, 13), labels())

    assert images_BCHW.abs().max() <= 1
    assert len({tuple(image.flatten().tolist()) for image in images_BCHW}) == 7


@pytest.mark.parametrize("noise_chunks", [True, False])
def test_the_class_changes_the_image(noise_chunks: bool) -> None:
    network, noise_BZ = generator(noise_chunks=noise_chunks).eval(), normal(7, 13)

    with torch.no_grad():
        one_BCHW, other_BCHW = network(noise_BZ, labels() * 0), network(noise_BZ, labels() * 0 + 2)

    assert ((one_BCHW - other_BCHW).abs().amax((1, 2, 3)) > 1e-3).all()


def test_the_class_counts_for_as_much_as_the_noise_from_the_start() -> None:
    network, noise_BZ = generator(class_embedding_size=13, channels=11).eval(), normal(31, 13)

    with torch.no_grad():
        one_BCHW, other_BCHW = (
            network(noise_BZ, labels(31) * 0),
            network(noise_BZ, labels(31) * 0 + 2),
        )

    of_class = (one_BCHW - other_BCHW).abs().mean()
    of_noise = (one_BCHW[1:] - one_BCHW[:-1]).abs().mean()
    assert 0.5 < of_class / of_noise < 2


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_a_chunk_of_noise_reaches_its_block_and_none_before(chunk: int) -> None:
    # 13 numbers for a first map and 2 blocks are chunks of 5, 4 and 4.
    network, noise_BZ = generator().eval(), normal(7, 13)
    changed_BZ = noise_BZ.clone()
    changed_BZ[:, (0, 5, 9)[chunk] : (5, 9, 13)[chunk]] += 1
    seen: list[Tensor] = []
    network.make_first_map.register_forward_hook(lambda *args: seen.append(args[-1]))
    for block in network.blocks:
        block.register_forward_hook(lambda *args: seen.append(args[-1]))

    with torch.no_grad():
        network(noise_BZ, labels())
        network(changed_BZ, labels())

    differs = [not torch.equal(seen[place], seen[place + 3]) for place in range(3)]
    assert differs == [place >= chunk for place in range(3)]


def test_without_chunks_all_noise_makes_the_first_map() -> None:
    shapes = weights(generator(noise_chunks=False))

    assert shapes["make_first_map.weight"] == (11 * 4 * 6, 13)
    assert shapes["blocks.1.norm1.scale_and_shift.weight"][1] == 5
    chunked = weights(generator())
    assert chunked["make_first_map.weight"] == (11 * 4 * 6, 5)
    assert chunked["blocks.1.norm1.scale_and_shift.weight"][1] == 5 + 4


def test_widths_double_with_every_halving_up_to_the_most() -> None:
    made, judged = weights(generator((32, 32))), weights(discriminator((32, 32)))

    assert [made[f"blocks.{b}.conv2.weight"][0] for b in range(3)] == [11, 8, 4]
    name = "conv2.parametrizations.weight.original"
    assert [judged[f"blocks.{b}.{name}"][0] for b in range(3)] == [4, 8, 11]
    assert judged[f"last_block.{name}"][0] == 11


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 32), (16, 16)), ((96, 96), (24, 24)), ((256, 128), (64, 32))]
)
def test_attention_stands_half_way_in_both_networks(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    seen: list[tuple[int, ...]] = []
    for network in (generator(size, channels=1), discriminator(size, channels=1)):
        attention = next(m for m in network.modules() if isinstance(m, SelfAttention2d))
        attention.register_forward_hook(lambda *args: seen.append(tuple(args[-1].shape[2:])))
        network(normal(2, 13) if isinstance(network, Generator) else images(2, size), labels(2))

    assert seen == [expected] * 2


def test_attention_can_be_left_out() -> None:
    for network in (generator(attention="none"), discriminator(attention="none")):
        assert not any(isinstance(module, SelfAttention2d) for module in network.modules())


def test_the_projection_is_that_of_its_formula() -> None:
    judge, images_BCHW = discriminator().eval(), images()
    features: list[Tensor] = []
    judge.last_block.register_forward_hook(lambda *args: features.append(args[-1]))

    with torch.no_grad():
        score_B = judge(images_BCHW, labels())

        phi_BC = features[0].clamp(min=0).sum((2, 3))
        for b, label in enumerate(labels()):
            expected = judge.head.weight[0] @ phi_BC[b] + judge.head.bias[0]
            expected = expected + judge.embed_class.weight[label] @ phi_BC[b]
            torch.testing.assert_close(score_B[b], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("projection", [True, False])
def test_the_class_changes_the_score(projection: bool) -> None:
    judge, images_BCHW = discriminator(projection=projection).eval(), images()

    with torch.no_grad():
        one_B, other_B = judge(images_BCHW, labels() * 0), judge(images_BCHW, labels() * 0 + 2)

    assert ((one_B - other_B).abs() > 1e-4).all()


def test_without_projection_the_class_is_handed_in_as_maps_before_the_last_block() -> None:
    name = "last_block.conv1.parametrizations.weight.original"

    assert weights(discriminator())[name][1] == 8 - 4 + 4 + 1
    assert weights(discriminator(projection=False))[name][1] == 8 + 1 + 5


def test_scores_depend_on_the_other_images_through_minibatch_std_alone() -> None:
    for minibatch_std in (True, False):
        judge = discriminator(minibatch_std=minibatch_std).eval()
        changed_BCHW = images()
        changed_BCHW[3:] = images(7).flip(0)[3:]

        with torch.no_grad():
            before_B, after_B = judge(images(), labels()), judge(changed_BCHW, labels())

        assert torch.allclose(before_B[:3], after_B[:3], atol=1e-5) == (not minibatch_std)
        has_layer = any(isinstance(module, MinibatchStd) for module in judge.modules())
        assert has_layer == minibatch_std


@pytest.mark.parametrize("build", [generator, discriminator])
def test_spectral_norm_keeps_the_largest_singular_value_near_one(build: Any) -> None:
    network = build(spectral_norm=True, spectral_norm_generator=True)
    modules = [*normalised_modules(network)]
    # The generator's class embedding is no map from one layer to the next, but an input.
    kinds = (nn.Conv2d, nn.Linear) + (nn.Embedding,) * isinstance(network, Discriminator)
    num_weights = sum(isinstance(module, kinds) for module in network.modules())
    for seed, module in enumerate(modules):
        original = module.parametrizations.weight.original
        original.data = 3 * normal(*original.shape, seed=seed)

    for _ in range(50):  # the power method goes one step each time a weight is used in training
        used = [module.weight.detach().flatten(1) for module in modules]

    largest = [float(torch.linalg.matrix_norm(weight, 2)) for weight in used]
    assert len(modules) == num_weights > 0
    assert largest == pytest.approx([1] * len(modules), abs=0.02)


@pytest.mark.parametrize("spectral_norm", [True, False])
def test_spectral_norms_are_taken_of_the_network_that_is_asked_to(spectral_norm: bool) -> None:
    switches = {"spectral_norm": spectral_norm, "spectral_norm_generator": not spectral_norm}

    assert any(normalised_modules(discriminator(**switches))) == spectral_norm
    assert any(normalised_modules(generator(**switches))) != spectral_norm


def test_weights_start_orthogonal_and_biases_at_zero() -> None:
    network = generator()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            rows = module.weight.detach().flatten(1)
            rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
            torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), rtol=0, atol=1e-5)
            assert module.bias is None or not module.bias.any()


def test_every_weight_of_both_networks_gets_a_gradient() -> None:
    network, judge = generator(), discriminator()
    for attention in (network.attention, judge.attention):
        attention.gamma.data.fill_(0.5)  # as long as it is 0, nothing reaches what is behind it

    judge(network(normal(7, 13), labels()), labels()).square().sum().backward()

    for one in (network, judge):
        idle = [name for name, p in one.named_parameters() if p.grad is None or not p.grad.any()]
        assert idle == []


@pytest.mark.parametrize("channels_last", [False, True])
def test_autocast_and_memory_format_change_digits_alone(channels_last: bool) -> None:
    network, judge = generator().eval(), discriminator().eval()
    noise_BZ = normal(7, 13)
    with torch.no_grad():
        expected_BCHW = network(noise_BZ, labels())
        expected_B = judge(expected_BCHW, labels())
        if channels_last:
            network, judge = (one.to(memory_format=torch.channels_last) for one in (network, judge))
        with torch.autocast("cpu", torch.bfloat16):
            images_BCHW = network(noise_BZ, labels())
            score_B = judge(images_BCHW, labels())

    assert images_BCHW.dtype == score_B.dtype == torch.float32
    torch.testing.assert_close(images_BCHW, expected_BCHW, rtol=0, atol=0.1)
    torch.testing.assert_close(score_B, expected_B, rtol=0.1, atol=0.1 * float(expected_B.std()))


def test_a_network_is_restored_from_its_state() -> None:
    judge, other = discriminator(), Discriminator(small_config(), NUM_CLASSES, SIZE)
    judge(images(), labels())

    other.load_state_dict(judge.state_dict())

    # In training mode: the vectors of the power method are restored too.
    assert torch.equal(other(images(), labels()), judge(images(), labels()))


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_images_of_a_class_share_no_pattern_whatever_the_biases_are(bias: float) -> None:
    """With zero padding two of them correlated before any training."""
    network = generator((32, 32), channels=8, max_channels=64, noise_size=64)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(bias)

        for c in range(NUM_CLASSES):
            made = network(normal(48, 64, seed=c), torch.full((48,), c))
            assert shared_pattern(to_uint8(made)) < 0.03
