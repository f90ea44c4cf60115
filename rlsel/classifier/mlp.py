"""An MLP on ready-made embeddings: their full training, as a ResNet34 is that of images.

Shape letters: N samples, F width of an embedding, V validation samples, C classes, B samples of a
step.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float32, Int
from pydantic import Field
from torch import Tensor, nn

from rlsel.classifier.steps import WEIGHT_DECAY
from rlsel.machine.device import read_only
from rlsel.machine.device_memory import room_for
from rlsel.machine.wording import counted
from rlsel.schema import config

RECIPE = 1
"""Raise it when a change of the code changes the training, so that stored results are not used."""


@config
class MLPConfig:
    """How an MLP with one hidden layer is trained on embeddings."""

    name: Literal["mlp"] = "mlp"
    """The network."""
    hidden_size: Annotated[int, Field(ge=1)] = 128
    """Width of the hidden layer."""
    epochs: Annotated[int, Field(ge=1)] = 30
    """Passes over real + kept."""
    batch_size: Annotated[int, Field(ge=2)] = 64
    """Embeddings per step; fewer in the last step of an epoch."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Highest learning rate of AdamW, warmed up over the first 30% of the steps (one cycle)."""
    num_validated_epochs: Annotated[int, Field(ge=1)] = 5
    """Number of the last epochs after which the classifier is validated; the reward is the best of
    them (paper: 5)."""

    @property
    def precision(self) -> Literal["fp32"]:
        return "fp32"


class MLPTrainer:
    """Trains MLPs, each on some rows of the same embeddings."""

    def __init__(
        self,
        config: MLPConfig,
        vectors_NF: Float32[np.ndarray, "n f"],
        labels_N: Int[np.ndarray, " n"],
        num_classes: int,
        device: torch.device,
    ) -> None:
        self._config, self._num_classes, self._device = config, num_classes, device
        self.warning = ""
        with room_for(f"{len(labels_N):,} embeddings", "give fewer of them"):
            self._x_NF = read_only(vectors_NF).to(device)
            self._labels_N = read_only(labels_N).to(device)

    def logits(
        self,
        rows: Int[Tensor, " _"],
        seed: int,
        validation: Sequence[Float32[np.ndarray, "v f"]],
        num_validated_epochs: int | None = None,
    ) -> list[list[np.ndarray]]:
        """Train on `rows`, and return the logits of the validation sets after the last epochs.

        The seed draws an order of all embeddings, also of those not in `rows`. Two sets of rows
        therefore have the same order among the rows that they share.

        Returns:
            For each validation set, one array (v, c) for each validated epoch.
        """
        config, random = self._config, np.random.default_rng(seed)
        rows = rows.to(self._device)
        is_used_N = torch.zeros(len(self._x_NF), dtype=torch.bool, device=self._device)
        is_used_N[rows] = True
        used_NF = self._x_NF[rows]
        mean_F, std_F = used_NF.mean(0), used_NF.std(0)
        scale_F = torch.where(std_F > 1e-8, std_F, torch.ones_like(std_F))
        seen = [(read_only(x).to(self._device) - mean_F) / scale_F for x in validation]
        model = self._model(seed)
        optimizer = torch.optim.AdamW(model.parameters(), config.lr, weight_decay=WEIGHT_DECAY)
        steps_an_epoch = -(-len(rows) // config.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.lr, total_steps=config.epochs * steps_an_epoch
        )
        first = config.epochs - (num_validated_epochs or config.num_validated_epochs)
        found: list[list[np.ndarray]] = [[] for _ in validation]
        for epoch in range(config.epochs):
            order_N = torch.from_numpy(random.permutation(len(is_used_N))).to(self._device)
            for chosen_B in order_N[is_used_N[order_N]].split(config.batch_size):
                x_BF = (self._x_NF[chosen_B] - mean_F) / scale_F
                loss = nn.functional.cross_entropy(model(x_BF), self._labels_N[chosen_B])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            if epoch >= first:
                with torch.no_grad():
                    for of_set, x_VF in zip(found, seen, strict=True):
                        of_set.append(model(x_VF).cpu().numpy())
        return found

    def _model(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Sequential(
                nn.Linear(self._x_NF.shape[1], self._config.hidden_size),
                nn.ReLU(),
                nn.Linear(self._config.hidden_size, self._num_classes),
            )
        with room_for(counted(1, "MLP"), "lower classifier.hidden_size"):
            return model.to(self._device)
