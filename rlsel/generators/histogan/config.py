"""What can be set of the GAN, and where each choice comes from."""

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
    """A class-conditional residual GAN: BigGAN's layout, small, with what few images call for."""

    name: Literal["histogan"] = "histogan"
    """The kind of generator."""
    num_per_class: Annotated[int, Field(ge=8)] = 2048
    """Candidates of each class (paper: 2,048 for PCam, 1,024 for cervix); 8 batches need 8."""
    classes: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    """Classes to make candidates of, by name, such as the rare one alone; None makes all. Training
    sees every class all the same: what tissue looks like is learned from all of them, and the few
    images of a rare class would hardly do."""
    channels: Size = 64
    """Width of both networks at full resolution. It doubles wherever the resolution halves, up to
    `max_channels`, so every level costs about the same (BigGAN: Brock et al. 2019, appendix B)."""
    max_channels: Size = 512
    """Width that no level exceeds (ProGAN: Karras et al. 2018, table 2)."""
    noise_size: Annotated[int, Field(ge=8)] = 128
    """Standard normal numbers that an image is made from (SAGAN, BigGAN: 120 to 128)."""
    class_embedding_size: Size = 16
    """Numbers that stand for a class, shared by all layers of the generator. BigGAN has 128, for
    1,000 classes; for few they outweigh a block's chunk of noise, and textures of a class grow
    alike."""
    noise_chunks: bool = True
    """Cut the noise up: one chunk for the first map, one for each block's normalisation (BigGAN,
    appendix B). False gives all of it to the first map, and the blocks the class alone."""
    attention: Literal["middle", "none"] = "middle"
    """Self-attention in both networks, half way between the first map and the image: at 16 px for
    images of 32 or 64 px, at 24 for 96, 32 for 128 (SAGAN: Zhang et al. 2019, table 1: best of
    8, 16, 32 and 64 px for 128)."""
    projection: bool = True
    """The discriminator adds the inner product of its features with an embedding of the class
    (Miyato & Koyama 2018). False hands it the class as maps instead, appended before its last
    block (Reed et al. 2016)."""
    spectral_norm: bool = True
    """Divide weights of the discriminator by their largest singular value (Miyato et al. 2018)."""
    spectral_norm_generator: bool = False
    """The same in the generator (SAGAN, section 3.1)."""
    minibatch_std: bool = True
    """Show the discriminator how much the images of a group differ, so that a generator that always
    makes the same one is found out (ProGAN, section 3)."""
    loss: Loss = "hinge"
    """`hinge` (Lim & Ye 2017; SAGAN, BigGAN) or `non_saturating` (Goodfellow et al. 2014)."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Candidates come from a moving average of the generator's weights; each step keeps this share
    of it (ProGAN: 0.999), the first ones less, so that a short training does not sample from where
    it began. 0 samples from the weights as they are."""
    augmentation: tuple[Augmentation, ...] = ("colour", "translation", "cutout")
    """What the discriminator sees images through, real and generated ones alike, in this order
    (DiffAugment: Zhao et al. 2020, the three of the default for small data). Empty for none.
    `flip` mirrors both axes by chance, for tissue that has no up and down (ADA: Karras et al. 2020
    have flips and quarter turns)."""
    lr_generator: Rate = 1e-4
    """Adam's learning rate of the generator (SAGAN: 1e-4)."""
    lr_discriminator: Rate = 4e-4
    """Adam's learning rate of the discriminator; the faster of the two (Heusel et al. 2017;
    SAGAN: 4e-4)."""
    betas: tuple[Beta, Beta] = (0.0, 0.99)
    """Adam's decays, of both networks (ProGAN; SAGAN has 0 and 0.9, BigGAN 0 and 0.999)."""
    discriminator_steps: Size = 1
    """Steps of the discriminator for one of the generator (SAGAN: 1 with two rates)."""
    batch_size: Annotated[int, Field(ge=2)] = 64
    """Real images of a discriminator step, and generated ones of either step (SNGAN: 64)."""
    num_images: Size = 1_000_000
    """Length of the training: real images that the discriminator sees, repeats counted."""
    precision: Precision = "auto"
    """`auto` is bf16 where the hardware multiplies it natively, else fp32."""
    max_grad_norm: Annotated[float | None, Field(gt=0)] = None
    """Gradients longer than this are cut to it; None cuts none, as the sources do."""
    show_every: Size = 500
    """Generator steps between two grids of images."""
    save_every: Size = 500
    """Generator steps between two checkpoints: what an interruption costs at most."""

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
        """Width where the resolution was halved `level` times."""
        return min(self.channels * 2**level, self.max_channels)
