"""The losses of discriminator and generator. Scores are high for images that look real.

Shape letters: R real images, G generated ones.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import relu, softplus

from rlsel.generators.histogan.config import Loss


def discriminator_loss(
    kind: Loss, real_R: Float[Tensor, " r"], generated_G: Float[Tensor, " g"]
) -> Float[Tensor, ""]:
    """Small if real images score high and generated ones low.

    Source: `hinge` Lim & Ye 2017, Eq. 15 on; `non_saturating` Goodfellow et al. 2014, Eq. 1.
    """
    penalty = _PENALTIES[kind]
    return penalty(real_R).mean() + penalty(-generated_G).mean()


def generator_loss(kind: Loss, generated_G: Float[Tensor, " g"]) -> Float[Tensor, ""]:
    """Small if generated images score high.

    Source: as above. With the hinge loss the generator minimises the negative score, whose gradient
    vanishes for no score.
    """
    return -generated_G.mean() if kind == "hinge" else softplus(-generated_G).mean()


def _hinge(score_B: Tensor) -> Tensor:
    return relu(1 - score_B)


def _logistic(score_B: Tensor) -> Tensor:
    return softplus(-score_B)


_PENALTIES: dict[Loss, Callable[[Tensor], Tensor]] = {
    "hinge": _hinge,
    "non_saturating": _logistic,
}
"""Loss of the discriminator for a score that should be high."""
