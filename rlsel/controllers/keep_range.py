"""A policy that keeps a stated share of every class, by construction.

Shape letters: B decisions, K candidates per decision, C classes.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

STEPS = 50
"""Bisections of an interval of 128 logits, down to the rounding of a float."""
WIDEST = 64.0
"""Largest shift of a logit. It takes logits of 30, which mean near certainty, to any share."""


class KeepRange(nn.Module):
    """Shifts the logits of a class so that the expected share it keeps lies in a range.

    All candidates of a class get the same shift. Of all policies that meet the constraint, this one
    is the nearest in KL divergence (the I-projection of independent decisions on an expected
    count). The range holds in every batch, since a batch does not know what the others hold.

    Source: Csiszar 1975, "I-divergence geometry of probability distributions".
    """

    low_C: Tensor
    high_C: Tensor

    def __init__(self, low_C: Float[Tensor, " c"], high_C: Float[Tensor, " c"]) -> None:
        """Shares in [0, 1], `low_C` at most `high_C`. A range from 0 to 1 changes nothing."""
        super().__init__()
        self.register_buffer("low_C", low_C, persistent=False)
        self.register_buffer("high_C", high_C, persistent=False)

    def forward(
        self,
        keep_BK: Float[Tensor, "b k"],
        labels_BK: Int[Tensor, "b k"],
        valid_BK: Bool[Tensor, "b k"],
    ) -> Float[Tensor, "b k"]:
        """Keep logits that meet the constraint; gradients take the shift into account."""
        member_BCK = nn.functional.one_hot(labels_BK, len(self.low_C)).movedim(-1, 1)
        member_BCK = (member_BCK.bool() & valid_BK[:, None]).to(keep_BK.dtype)
        count_BC = member_BCK.sum(-1).clamp(min=1)

        def kept_BC(shift_BC: Tensor) -> Tensor:
            shifted_BCK = keep_BK[:, None] + shift_BC[..., None]
            return (torch.sigmoid(shifted_BCK) * member_BCK).sum(-1)

        with torch.no_grad():
            share_BC = kept_BC(torch.zeros_like(count_BC)) / count_BC
            wanted_BC = count_BC * torch.maximum(self.low_C, torch.minimum(self.high_C, share_BC))
            lowest_BC = torch.full_like(count_BC, -WIDEST)
            highest_BC = torch.full_like(count_BC, WIDEST)
            middle_BC = torch.zeros_like(count_BC)
            for _ in range(STEPS):
                middle_BC = (lowest_BC + highest_BC) / 2
                too_few_BC = kept_BC(middle_BC) < wanted_BC
                lowest_BC = torch.where(too_few_BC, middle_BC, lowest_BC)
                highest_BC = torch.where(too_few_BC, highest_BC, middle_BC)
            is_bound_BC = (wanted_BC != count_BC * share_BC) & (member_BCK.sum(-1) > 0)
            middle_BC = middle_BC * is_bound_BC
            p_BCK = torch.sigmoid(keep_BK[:, None] + middle_BC[..., None])
            slope_BC = (p_BCK * (1 - p_BCK) * member_BCK).sum(-1).clamp(min=1e-12)
        # One Newton step from the solution: its length is 0, and its gradient is that of the
        # solution. Classes without a shift are left out, since their slope may be almost 0.
        reached_BC = kept_BC(middle_BC)
        newton_BC = middle_BC - (reached_BC - reached_BC.detach()) / slope_BC
        shift_BC = torch.where(is_bound_BC, newton_BC, middle_BC)
        return keep_BK + (shift_BC[..., None] * member_BCK).sum(1)
