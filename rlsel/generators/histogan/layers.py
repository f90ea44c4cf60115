"""The layers that torch lacks: conditional normalisation, attention over pixels, minibatch std.

Shape letters: B images, C channels, H rows, W columns, D condition size, G groups of images, P
pixels, Q pixels of the map halved, K query size, V value size.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

QUERY_SHARE, VALUE_SHARE = 8, 2
"""Queries have 1/8 of the channels, values 1/2 (SAGAN, section 3)."""


class ConditionalBatchNorm2d(nn.Module):
    """Batch normalisation whose scale and shift are linear in a condition of each image.

    The scale is 1 and the shift 0 if the condition is 0. Torch's own kernels compute and keep the
    statistics in fp32, whatever the type of the maps.

    Source: Dumoulin et al. 2017; the condition of class embedding and noise: Brock et al. 2019.
    """

    def __init__(self, num_channels: int, condition_size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_channels, affine=False)
        self.scale_and_shift = nn.Linear(condition_size, 2 * num_channels, bias=False)

    def forward(
        self, x_BCHW: Float[Tensor, "b c h w"], condition_BD: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b c h w"]:
        scale_BC11, shift_BC11 = self.scale_and_shift(condition_BD)[..., None, None].chunk(2, dim=1)
        return torch.addcmul(shift_BC11, self.norm(x_BCHW), 1 + scale_BC11)


class SelfAttention2d(nn.Module):
    """Every pixel attends to all pixels of the map at half resolution; starts as the identity.

    Source: Zhang et al. 2019, section 3, in BigGAN's form: keys and values are max-pooled, which
    leaves a quarter of the pairs, and scores are not divided by the root of the query size.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.query_size = max(1, num_channels // QUERY_SHARE)
        self.value_size = max(1, num_channels // VALUE_SHARE)
        self.query = nn.Conv2d(num_channels, self.query_size, 1, bias=False)
        self.key_value = nn.Conv2d(num_channels, self.query_size + self.value_size, 1, bias=False)
        self.combine = nn.Conv2d(self.value_size, num_channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x_BCHW: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        query_BPK = self.query(x_BCHW).flatten(2).mT
        key_value_BQ = functional.max_pool2d(self.key_value(x_BCHW), 2).flatten(2).mT
        key_BQK, value_BQV = key_value_BQ.split((self.query_size, self.value_size), dim=2)
        # There is one head; the kernels expect an axis of heads.
        attended_B1PV = functional.scaled_dot_product_attention(
            query_BPK[:, None], key_BQK[:, None], value_BQV[:, None], scale=1.0
        )
        attended_BVHW = attended_B1PV[:, 0].mT.unflatten(2, x_BCHW.shape[2:])
        return x_BCHW + self.gamma.to(x_BCHW.dtype) * self.combine(attended_BVHW)


class MinibatchStd(nn.Module):
    """Appends a channel that says how much the images of a group differ.

    The standard deviation over a group is taken for every channel and pixel, and averaged to one
    number per group. Image i is in group i mod G, as in StyleGAN2; if 4 does not divide the batch,
    groups have up to 7 images instead. Pass real and generated images separately: the deviation
    within a mixed group describes neither of them.

    Source: Karras et al. 2018, section 3; groups of 4: Karras et al. 2020, StyleGAN2's code.
    """

    group_size = 4

    def forward(self, x_BCHW: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c+1 h w"]:
        batch, _, height, width = x_BCHW.shape
        num_groups = max(1, batch // self.group_size)
        group_B = torch.arange(batch, device=x_BCHW.device) % num_groups
        with torch.autocast(x_BCHW.device.type, enabled=False):
            std_G = _std_of_groups(x_BCHW.float().flatten(1), group_B, num_groups)
        std_B111 = std_G[group_B].to(x_BCHW.dtype)[:, None, None, None]
        return torch.cat((x_BCHW, std_B111.expand(-1, 1, height, width)), dim=1)


def _std_of_groups(
    x_BP: Float[Tensor, "b p"], group_B: Tensor, num_groups: int
) -> Float[Tensor, " g"]:
    # Means by matrix product allow groups of different sizes, and sum in a fixed order on a GPU.
    member_GB = (group_B == torch.arange(num_groups, device=x_BP.device)[:, None]).float()
    share_GB = member_GB / member_GB.sum(1, keepdim=True)
    away_BP = x_BP - (share_GB @ x_BP)[group_B]
    # The square root has no finite gradient at 0, where all images of a group are equal.
    return (share_GB @ away_BP.square() + 1e-8).sqrt().mean(1)
