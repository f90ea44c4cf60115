"""The settings of the GAN, with the source of each default."""

from typing import Annotated, Literal

from pydantic import Field

from rlsel.machine.device import Precision
from rlsel.schema import config

Augmentation = Literal["flip", "colour", "translation", "cutout"]
Loss = Literal["hinge", "non_saturating"]
Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Beta = Annotated[float, Field(ge=0, lt=1)]


@config
class HistoGANConfig:
    """A class-conditional residual GAN: a small BigGAN with additions for small data sets."""

    name: Literal["histogan"] = "histogan"
    """The kind of generator."""
    num_per_class: Annotated[int, Field(ge=8)] = 2048
    """Candidates of each class (paper: 2,048 for PCam, 1,024 for cervix). The minimum is 8, one for
    each batch of an episode."""
    classes: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    """Names of the classes to make candidates of, such as only the rare one; None makes all. The
    generator is trained on every class in either case, because it learns the look of tissue from
    all of them and the few images of a rare class would hardly suffice."""
    channels: Size = 64
    """Width of both networks at full resolution. It doubles each time the resolution halves, up to
    `max_channels`, so every level costs about the same (BigGAN: Brock et al. 2019, appendix B)."""
    max_channels: Size = 512
    """Largest width of any level (ProGAN: Karras et al. 2018, table 2)."""
    noise_size: Annotated[int, Field(ge=8)] = 128
    """Number of standard normal inputs from which an image is made (SAGAN, BigGAN: 120 to 128)."""
    class_embedding_size: Size = 16
    """Size of the class embedding, shared by all layers of the generator. BigGAN has 128, for 1,000
    classes. With few classes, so large an embedding outweighs a block's chunk of noise, and the
    textures of a class become alike."""
    noise_chunks: bool = True
    """Cut the noise into chunks: one for the first map, one for each block's normalisation (BigGAN,
    appendix B). False gives all of the noise to the first map, and only the class to the blocks."""
    attention: Literal["middle", "none"] = "middle"
    """Self-attention in both networks, half way between the first map and the image: at 16 px for
    images of 32 or 64 px, at 24 for 96, 32 for 128 (SAGAN: Zhang et al. 2019, table 1: best of
    8, 16, 32 and 64 px for 128)."""
    projection: bool = True
    """The discriminator adds the inner product of its features with an embedding of the class
    (Miyato & Koyama 2018). False appends the class as maps before the last block instead (Reed et
    al. 2016)."""
    spectral_norm: bool = True
    """Divide weights of the discriminator by their largest singular value (Miyato et al. 2018)."""
    spectral_norm_generator: bool = False
    """Spectral normalisation of the generator as well (SAGAN, section 3.1)."""
    minibatch_std: bool = True
    """Show the discriminator how much the images of a group differ, so that it can detect a
    generator that always makes the same image (ProGAN, section 3)."""
    loss: Loss = "hinge"
    """`hinge` (Lim & Ye 2017; SAGAN, BigGAN) or `non_saturating` (Goodfellow et al. 2014)."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the moving average of the generator's weights, from which candidates are made
    (ProGAN: 0.999). The first steps use a smaller decay, so that the average of a short training
    does not retain the initial weights. 0 takes the current weights."""
    augmentation: tuple[Augmentation, ...] = ("colour", "translation", "cutout")
    """Augmentations of all images, real and generated, that the discriminator sees, in this order
    (DiffAugment: Zhao et al. 2020; the default has its three for small data). Empty for none.
    `flip` mirrors each axis with chance 1/2, for tissue that has no up and down (ADA: Karras et al.
    2020 have flips and quarter turns)."""
    lr_generator: Rate = 1e-4
    """Adam's learning rate of the generator (SAGAN: 1e-4)."""
    lr_discriminator: Rate = 4e-4
    """Adam's learning rate of the discriminator, the larger of the two (Heusel et al. 2017;
    SAGAN: 4e-4)."""
    betas: tuple[Beta, Beta] = (0.0, 0.99)
    """Adam's decays, of both networks (ProGAN; SAGAN has 0 and 0.9, BigGAN 0 and 0.999)."""
    discriminator_steps: Size = 1
    """Discriminator steps per generator step (SAGAN: 1, with two learning rates)."""
    batch_size: Annotated[int, Field(ge=2)] = 64
    """Real images in a discriminator step, and generated images in either step (SNGAN: 64)."""
    num_images: Size = 1_000_000
    """Length of the training: real images that the discriminator sees, with repeats."""
    precision: Precision = "auto"
    """`auto` is bf16 if the hardware multiplies it natively, else fp32."""
    max_grad_norm: Annotated[float | None, Field(gt=0)] = None
    """Largest gradient norm; longer gradients are clipped to it. None clips none, as in the
    sources."""
    show_every: Size = 500
    """Generator steps between two grids of images."""
    save_every: Size = 500
    """Generator steps between two checkpoints: an interruption loses at most so many."""

    def __post_init__(self) -> None:
        if self.max_channels < self.channels:
            raise ValueError(
                f"max_channels is {self.max_channels}, less than channels, {self.channels}; "
                "raise the one or lower the other"
            )
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes has a name more than once: {', '.join(self.classes)}")
        twice = {kind for kind in self.augmentation if self.augmentation.count(kind) > 1}
        if twice:
            raise ValueError(
                f"augmentation has {', '.join(sorted(twice))} more than once; give each once"
            )
        seen_a_step = self.batch_size * self.discriminator_steps
        if self.num_images < seen_a_step:
            raise ValueError(
                f"num_images is {self.num_images}, and one step alone sees {seen_a_step}; raise "
                "num_images, or lower batch_size or discriminator_steps"
            )

    def channels_at(self, level: int) -> int:
        """Width after the resolution was halved `level` times."""
        return min(self.channels * 2**level, self.max_channels)
