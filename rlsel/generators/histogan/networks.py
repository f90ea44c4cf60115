"""Generator and discriminator: residual blocks that double and halve the resolution.

Level 0 is the image; each level up has half the height and width, down to a first map whose shorter
side has 4 to 7 pixels. Maps keep the memory format of the weights (channels last or not).

Source: Brock et al. 2019 (BigGAN), appendix B; Miyato et al. 2018 (SNGAN). Departures: noise chunks
need not be equal, so any noise size will do; the number of levels follows from the image size; the
generator's class embedding starts on the scale of the noise. The generator pads by reflection,
because zero padding reveals where the border is (Islam et al. 2020; Xu et al. 2021). With zero
padding the generator drew one pattern into all images of a class, and a classifier learned the
pattern in place of the tissue.

Shape letters: B images, C channels, H rows, W columns, Z noise, E class embedding, D condition (E
and a chunk of noise).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu
from torch.nn.utils.parametrizations import spectral_norm

from rlsel.data.decoding.resize import Size
from rlsel.errors import InputError
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.layers import ConditionalBatchNorm2d, MinibatchStd, SelfAttention2d

FIRST_SIDE_PX = 4
SMALLEST_PX, LARGEST_PX = 16, 256


class Generator(nn.Module):
    """Noise and a class in, an image out."""

    def __init__(self, config: HistoGANConfig, num_classes: int, size: Size) -> None:
        """Raises InputError if the size cannot be made by doubling (`require_fitting_size`)."""
        super().__init__()
        require_fitting_size(size)
        doublings = _doublings(size)
        self.num_chunks = doublings + 1 if config.noise_chunks else 1
        chunk_sizes = _equal_parts(config.noise_size, self.num_chunks)
        condition_sizes = [config.class_embedding_size + chunk for chunk in chunk_sizes[1:]]
        widths = [config.channels_at(level) for level in reversed(range(doublings + 1))]

        self.first_map = (widths[0], size[0] >> doublings, size[1] >> doublings)
        # Standard normal, like the noise. BigGAN's start, orthogonal rows of length 1, is too small
        # beside the noise: on PCam both classes still looked the same after hundreds of steps.
        self.embed_class = nn.Embedding(num_classes, config.class_embedding_size)
        # No bias, because a bias would add the same pattern to every image.
        self.make_first_map = nn.Linear(chunk_sizes[0], _product(self.first_map), bias=False)
        self.blocks = nn.ModuleList(
            UpBlock(*args)
            for args in zip(
                widths[:-1],
                widths[1:],
                condition_sizes or [config.class_embedding_size] * doublings,
                strict=True,
            )
        )
        self.attention_level = doublings // 2
        self.attention = _attention(config, config.channels_at(self.attention_level))
        self.last_norm = nn.BatchNorm2d(widths[-1])
        self.to_colours = _convolution(widths[-1], 3)
        _initialise(self, (nn.Conv2d, nn.Linear), normalised=config.spectral_norm_generator)

    def forward(
        self, noise_BZ: Float[Tensor, "b z"], labels_B: Int[Tensor, " b"]
    ) -> Float[Tensor, "b 3 h w"]:
        """Images in -1..1, fp32 under autocast too."""
        class_BE = self.embed_class(labels_B)
        first_BZ, *chunks = noise_BZ.tensor_split(self.num_chunks, dim=1)
        conditions = [torch.cat((class_BE, chunk_BZ), dim=1) for chunk_BZ in chunks]
        conditions = conditions or [class_BE] * len(self.blocks)

        x_BCHW = self.make_first_map(first_BZ).unflatten(1, self.first_map)
        levels = reversed(range(len(self.blocks)))
        for level, block, condition_BD in zip(levels, self.blocks, conditions, strict=True):
            x_BCHW = block(x_BCHW, condition_BD)
            if level == self.attention_level:
                x_BCHW = self.attention(x_BCHW)
        return self.to_colours(relu(self.last_norm(x_BCHW))).float().tanh()


class UpBlock(nn.Module):
    """Residual block that doubles height and width; class and noise scale and shift its maps."""

    def __init__(self, num_in: int, num_out: int, condition_size: int) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm2d(num_in, condition_size)
        self.norm2 = ConditionalBatchNorm2d(num_out, condition_size)
        self.conv1 = _convolution(num_in, num_out)
        self.conv2 = _convolution(num_out, num_out)
        self.skip = nn.Conv2d(num_in, num_out, 1)

    def forward(
        self, x_BCHW: Float[Tensor, "b c h w"], condition_BD: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b c2 h2 w2"]:
        h_BCHW = self.conv1(_double(relu(self.norm1(x_BCHW, condition_BD))))
        h_BCHW = self.conv2(relu(self.norm2(h_BCHW, condition_BD)))
        # A 1x1 convolution commutes with repeating pixels, and before it costs a quarter as much.
        return h_BCHW + _double(self.skip(x_BCHW))


class Discriminator(nn.Module):
    """An image and its class in, a score out: high for images that look real.

    Score real and generated images in separate passes (`MinibatchStd` says why).
    """

    def __init__(self, config: HistoGANConfig, num_classes: int, size: Size) -> None:
        """Raises InputError if the size cannot be halved often enough (`require_fitting_size`)."""
        super().__init__()
        require_fitting_size(size)
        halvings = _doublings(size)
        widths = [config.channels_at(level) for level in range(halvings + 1)]
        self.blocks = nn.ModuleList(
            DownBlock(num_in, num_out, halves=True, is_first=level == 0)
            for level, (num_in, num_out) in enumerate(
                zip([3, *widths[:-2]], widths[:-1], strict=True)
            )
        )
        self.attention_level = halvings // 2
        self.attention = _attention(config, widths[self.attention_level - 1])
        self.append_std = MinibatchStd() if config.minibatch_std else nn.Identity()
        self.projects = config.projection
        num_class_maps = 0 if config.projection else config.class_embedding_size
        self.embed_class = nn.Embedding(num_classes, num_class_maps or widths[-1])
        num_in = widths[-2] + config.minibatch_std + num_class_maps
        self.last_block = DownBlock(num_in, widths[-1], halves=False, is_first=False)
        self.head = nn.Linear(widths[-1], 1)
        _initialise(self, (nn.Conv2d, nn.Linear, nn.Embedding), normalised=config.spectral_norm)

    def forward(
        self, images_BCHW: Float[Tensor, "b 3 h w"], labels_B: Int[Tensor, " b"]
    ) -> Float[Tensor, " b"]:
        """One score per image, fp32 under autocast too."""
        x_BCHW = images_BCHW
        for level, block in enumerate(self.blocks, start=1):
            x_BCHW = block(x_BCHW)
            if level == self.attention_level:
                x_BCHW = self.attention(x_BCHW)
        x_BCHW = self.append_std(x_BCHW)
        if not self.projects:
            maps_BC11 = self.embed_class(labels_B).to(x_BCHW.dtype)[..., None, None]
            x_BCHW = torch.cat((x_BCHW, maps_BC11.expand(-1, -1, *x_BCHW.shape[2:])), dim=1)
        features_BC = relu(self.last_block(x_BCHW)).float().sum((2, 3))
        return self._score(features_BC, labels_B)

    def _score(self, features_BC: Float[Tensor, "b c"], labels_B: Tensor) -> Float[Tensor, " b"]:
        """Miyato & Koyama 2018, Eq. 3, with a linear psi."""
        with torch.autocast(features_BC.device.type, enabled=False):
            score_B = self.head(features_BC)[:, 0]
            if self.projects:
                score_B = score_B + (self.embed_class(labels_B) * features_BC).sum(1)
            return score_B


class DownBlock(nn.Module):
    """Residual block; halves height and width if `halves`. The first block takes plain images."""

    def __init__(self, num_in: int, num_out: int, *, halves: bool, is_first: bool) -> None:
        super().__init__()
        self.halves, self.is_first = halves, is_first
        self.conv1 = nn.Conv2d(num_in, num_out, 3, padding=1)
        self.conv2 = nn.Conv2d(num_out, num_out, 3, padding=1)
        self.skip = nn.Conv2d(num_in, num_out, 1)

    def forward(self, x_BCHW: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        h_BCHW = x_BCHW if self.is_first else relu(x_BCHW)
        h_BCHW = self.conv2(relu(self.conv1(h_BCHW)))
        if self.halves:
            # A 1x1 convolution commutes with the mean too, so `skip` comes after it at less cost.
            h_BCHW, x_BCHW = avg_pool2d(h_BCHW, 2), avg_pool2d(x_BCHW, 2)
        return h_BCHW + self.skip(x_BCHW)


def require_fitting_size(size: Size) -> None:
    """Refuse a (height, width) that cannot be reached by doubling a first map of 4 to 7 px.

    Raises:
        InputError: a side cannot be halved often enough, or lies outside 16..256. The message names
            the nearest possible sizes.
    """
    if not _can_be_made(size):
        raise InputError(
            f"images have {size[0]}x{size[1]} px (height x width); HistoGAN doubles a first map "
            f"whose shorter side has 4 to 7 px, to sides of {SMALLEST_PX} to {LARGEST_PX} px. Set "
            f"data.size_px to the nearest that it can make: {_nearest(size)}"
        )


def _can_be_made(size: Size) -> bool:
    step = 2 ** _doublings(size)
    return all(SMALLEST_PX <= side <= LARGEST_PX and side % step == 0 for side in size)


def _doublings(size: Size) -> int:
    return (min(size) // FIRST_SIDE_PX).bit_length() - 1 if min(size) >= FIRST_SIDE_PX else 0


def nearest_sizes(size: Size) -> list[Size]:
    """The possible sizes, sorted by their difference in height plus width. For a square, squares
    only."""
    sides = range(SMALLEST_PX, LARGEST_PX + 1, FIRST_SIDE_PX)
    sizes = [(h, w) for h in sides for w in sides if size[0] != size[1] or h == w]
    sizes = [one for one in sizes if _can_be_made(one)]
    return sorted(sizes, key=lambda one: abs(one[0] - size[0]) + abs(one[1] - size[1]))


def _nearest(size: Size) -> str:
    nearest = nearest_sizes(size)[:2]
    return " or ".join(str(h) if size[0] == size[1] else f"[{h}, {w}]" for h, w in nearest)


def _attention(config: HistoGANConfig, num_channels: int) -> nn.Module:
    return SelfAttention2d(num_channels) if config.attention == "middle" else nn.Identity()


def _initialise(network: nn.Module, kinds: tuple[type[nn.Module], ...], normalised: bool) -> None:
    """Orthogonal weights, zero biases (Brock et al. 2019), then spectral norms if `normalised`."""
    for module in list(network.modules()):
        if isinstance(module, kinds):
            for name, parameter in module.named_parameters():
                (nn.init.zeros_ if name == "bias" else nn.init.orthogonal_)(parameter)
            if normalised:
                spectral_norm(module)


def _equal_parts(total: int, num_parts: int) -> list[int]:
    """Sizes of the parts of `Tensor.tensor_split`: the first ones have one more."""
    return [total // num_parts + (part < total % num_parts) for part in range(num_parts)]


def _product(shape: tuple[int, ...]) -> int:
    return torch.Size(shape).numel()


def _convolution(num_in: int, num_out: int) -> nn.Conv2d:
    """A convolution of the generator, with reflection padding to hide where the border is."""
    return nn.Conv2d(num_in, num_out, 3, padding=1, padding_mode="reflect")


def _double(x_BCHW: Tensor) -> Tensor:
    return interpolate(x_BCHW, scale_factor=2.0, mode="nearest")
