"""Multinomial logistic heads with an L2 penalty on frozen features, many of them side by side.

Shape letters: N training rows, P features of the head, Q pairs of features, C classes, K = C - 1
classes beside the reference, M heads solved together, A of them not at their optimum yet.
"""

from copy import copy
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rlsel.heads.components import mean_and_directions, project

NUM_COMPONENTS, L2 = 48, 0.003
"""Components and penalty of a head without settings of its own."""
NO_VARIANCE = 1e-14
"""A component with less than this share of the largest variance holds rounding alone."""
MOST_PRODUCTS = 2**24
"""Products of features held at once, 128 MiB. Those of more rows are computed block by block."""


class LogisticHeads:
    """Solves penalised logistic heads on subsets of one table of features, many at a time.

    Newton's method with step halving solves all subsets side by side. It runs in double precision,
    so that a head does not depend, up to the rounding of a sum, on the others solved beside it.
    """

    def __init__(
        self,
        x_NP: Float[Tensor, "n p"],
        labels_N: Int[Tensor, " n"],
        num_classes: int,
        l2: float,
        max_steps: int = 30,
        tolerance: float = 1e-5,
        weight_N: Float[Tensor, " n"] | None = None,
    ) -> None:
        """Prepare what all subsets share.

        Args:
            x_NP: Features in double precision, with a column of ones for the bias. The bias is
                penalised like the other weights.
            l2: The penalty makes the solution unique and finite, so it depends on no seed.
            max_steps: Newton steps at most.
            tolerance: Newton's method stops when no component of the gradient of the mean log-loss
                is larger.
            weight_N: By which each row counts in the mean; None counts all rows alike.
        """
        self._x_NP, self._labels_N, self._weight_N = x_NP, labels_N, weight_N
        self._max_steps, self._tolerance = max_steps, tolerance
        num_features, free = x_NP.shape[1], num_classes - 1
        onehot_NC = nn.functional.one_hot(labels_N, num_classes).to(x_NP.dtype)
        self._onehot_NK = onehot_NC[:, 1:]
        # With two classes this is `l2` itself.
        eye_KK = torch.eye(free, dtype=x_NP.dtype, device=x_NP.device)
        self._penalty_KK = l2 * 2.0 * (eye_KK - 1.0 / num_classes)
        self._upper = torch.triu_indices(num_features, num_features, device=x_NP.device)
        eye_PP = torch.eye(num_features, dtype=x_NP.dtype, device=x_NP.device)
        self._penalty = torch.kron(self._penalty_KK, eye_PP)

    def fit(self, used_MN: Bool[Tensor, "m n"]) -> Float[Tensor, "m p c"]:
        """The weights of the head of every subset. Each subset needs one row at least.

        The cost depends on the rows that some subset uses, not on the size of the table.

        Returns:
            Weights of every class. Class 0 is the reference, and its column is zero. The penalty is
            on the differences between classes, so logits do not depend on the choice of reference.
        """
        rows_U = used_MN.any(0).nonzero().squeeze(1)
        if len(rows_U) == len(self._x_NP):
            return self._solve(used_MN)
        return self._of_rows(rows_U)._solve(used_MN[:, rows_U])

    def _of_rows(self, rows_U: Int[Tensor, " u"]) -> "LogisticHeads":
        """The same heads on a table of these rows alone."""
        part = copy(self)
        vars(part).pop("_products_NQ", None)  # of all rows, if these were needed before
        part._x_NP, part._labels_N = self._x_NP[rows_U], self._labels_N[rows_U]
        part._onehot_NK = self._onehot_NK[rows_U]
        part._weight_N = None if self._weight_N is None else self._weight_N[rows_U]
        return part

    def _solve(self, used_MN: Bool[Tensor, "m n"]) -> Float[Tensor, "m p c"]:
        num_features, free = self._x_NP.shape[1], len(self._penalty_KK)
        share_MN = used_MN.to(self._x_NP.dtype)
        if self._weight_N is not None:
            share_MN *= self._weight_N
        share_MN /= share_MN.sum(1, keepdim=True)
        theta_MPK = self._x_NP.new_zeros(len(used_MN), num_features, free)
        loss_M, probability_MNK = self._loss(share_MN, theta_MPK)
        active_A = torch.arange(len(used_MN), device=used_MN.device)
        for _ in range(self._max_steps):
            share_AN, theta_APK = share_MN[active_A], theta_MPK[active_A]
            probability_ANK = probability_MNK[active_A]
            residual_ANK = share_AN[..., None] * (probability_ANK - self._onehot_NK)
            gradient_APK = self._x_NP.T @ residual_ANK + theta_APK @ self._penalty_KK
            steep_A = gradient_APK.abs().amax((1, 2)) >= self._tolerance
            if not steep_A.any():
                break
            active_A = active_A[steep_A]
            step_APK = self._newton_step(
                share_AN[steep_A], probability_ANK[steep_A], gradient_APK[steep_A]
            )
            slope_A = (gradient_APK[steep_A] * step_APK).sum((1, 2))
            self._descend(active_A, step_APK, slope_A, share_MN, theta_MPK, loss_M, probability_MNK)
        return torch.cat((theta_MPK.new_zeros(len(used_MN), num_features, 1), theta_MPK), dim=2)

    def _descend(
        self,
        active_A: Tensor,
        step_APK: Tensor,
        slope_A: Tensor,
        share_MN: Tensor,
        theta_MPK: Tensor,
        loss_M: Tensor,
        probability_MNK: Tensor,
    ) -> None:
        """Take each step in place, halved until the loss falls by enough for its slope."""
        size = 1.0
        while len(active_A):
            trial_APK = theta_MPK[active_A] - size * step_APK
            loss_A, probability_ANK = self._loss(share_MN[active_A], trial_APK)
            good_A = loss_A <= loss_M[active_A] - 1e-4 * size * slope_A
            if size < 1e-4:  # the loss cannot fall further in double precision
                good_A = torch.ones_like(good_A)
            done_G = active_A[good_A]
            theta_MPK[done_G], loss_M[done_G] = trial_APK[good_A], loss_A[good_A]
            probability_MNK[done_G] = probability_ANK[good_A]
            active_A, step_APK, slope_A = active_A[~good_A], step_APK[~good_A], slope_A[~good_A]
            size /= 2

    def _loss(self, share_MN: Tensor, theta_MPK: Tensor) -> tuple[Tensor, Tensor]:
        """Penalised mean log-loss, and probabilities of the classes but the first."""
        logits_MNK = self._x_NP @ theta_MPK
        zero_MN1 = logits_MNK.new_zeros(*logits_MNK.shape[:2], 1)
        log_probability_MNC = torch.cat((zero_MN1, logits_MNK), dim=2).log_softmax(dim=2)
        own_MN = log_probability_MNC.gather(
            2, self._labels_N.expand(len(share_MN), -1)[..., None]
        ).squeeze(2)
        penalty_M = (theta_MPK * (theta_MPK @ self._penalty_KK)).sum((1, 2)) / 2
        return penalty_M - (share_MN * own_MN).sum(1), log_probability_MNC[..., 1:].exp()

    def _newton_step(self, share_AN: Tensor, probability_ANK: Tensor, gradient_APK: Tensor):
        num, num_features, free = gradient_APK.shape
        hessian = share_AN.new_empty(num, free, num_features, free, num_features)
        for a in range(free):
            for b in range(a + 1):
                weight_AN = share_AN * probability_ANK[..., a]
                weight_AN = weight_AN * (float(a == b) - probability_ANK[..., b])
                block_AQ = self._weighted_products(weight_AN)
                block_APP = share_AN.new_empty(num, num_features, num_features)
                block_APP[:, self._upper[0], self._upper[1]] = block_AQ
                block_APP[:, self._upper[1], self._upper[0]] = block_AQ
                hessian[:, a, :, b, :] = hessian[:, b, :, a, :] = block_APP
        size = free * num_features
        gradient_AS = gradient_APK.transpose(1, 2).reshape(num, size)
        hessian = hessian.reshape(num, size, size) + self._penalty
        step_AS = torch.linalg.solve(hessian, gradient_AS)
        return step_AS.reshape(num, free, num_features).transpose(1, 2)

    def _weighted_products(self, weight_AN: Float[Tensor, "a n"]) -> Float[Tensor, "a q"]:
        """Weights times the products of all pairs of features: blocks of a Hessian."""
        rows = max(1, MOST_PRODUCTS // self._upper.shape[1])
        if len(self._x_NP) <= rows:
            return weight_AN @ self._products_NQ
        parts = zip(weight_AN.split(rows, dim=1), self._x_NP.split(rows), strict=True)
        return torch.stack([weight_AB @ self._products(x_BP) for weight_AB, x_BP in parts]).sum(0)

    @cached_property
    def _products_NQ(self) -> Tensor:
        return self._products(self._x_NP)

    def _products(self, x_BP: Float[Tensor, "b p"]) -> Float[Tensor, "b q"]:
        return x_BP[:, self._upper[0]] * x_BP[:, self._upper[1]]


class HeadFeatures:
    """Features in the coordinates of a head: principal components, and a one for the bias."""

    def __init__(self, num_components: int, *parts: np.ndarray) -> None:
        """Compute the components of all rows that a head may be fitted to, (n, f) in each part."""
        mean_F, directions_FP, variance_P = mean_and_directions(parts, num_components)
        num = int((variance_P > NO_VARIANCE * variance_P[0]).sum()) or 1
        # All components share one scale. Whitening would amplify directions that hold only noise.
        scale = np.sqrt(variance_P[:num].mean())
        self._mean_F = mean_F
        self._directions_FP = directions_FP[:, :num] / max(scale, 1e-12)
        self.training_NP = np.concatenate([self.project(part) for part in parts])

    def project(self, features_NF: np.ndarray) -> np.ndarray:
        """Rows for a head: the components, and a one."""
        return np.column_stack(
            (project(features_NF, self._mean_F, self._directions_FP), np.ones(len(features_NF)))
        )


def head_logits(
    train_NF: Float[np.ndarray, "n f"],
    labels_N: Int[np.ndarray, " n"],
    candidates_MF: Float[np.ndarray, "m f"],
    num_classes: int,
    num_components: int = NUM_COMPONENTS,
    l2: float = L2,
) -> Float[np.ndarray, "m c"]:
    """Logits of the candidates by one head that is fitted to the real training images.

    It takes the place of the last layer of a network for features that come without one.

    Args:
        train_NF: Of real training images alone; candidates move neither components nor head.

    Returns:
        Logits, float32; those of class 0 are 0.
    """
    features = HeadFeatures(num_components, train_NF)
    heads = LogisticHeads(
        torch.from_numpy(features.training_NP), torch.from_numpy(labels_N), num_classes, l2
    )
    everybody_1N = torch.ones(1, len(labels_N), dtype=torch.bool)
    weights_PC = heads.fit(everybody_1N)[0].numpy()
    return (features.project(candidates_MF) @ weights_PC).astype(np.float32)
