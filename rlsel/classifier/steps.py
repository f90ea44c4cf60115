"""Training steps: run by PyTorch as usual, or as a CUDA graph that is recorded once and replayed.

Shape letters: B images per step, K random numbers per image.
"""

import copy
import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from rlsel.classifier.augment import augment, num_draws
from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.resident import Resident, autocast, normalise

WARM_UP_STEPS = 3
"""Steps before a graph is recorded, in which libraries choose their kernels, as PyTorch advises."""
WEIGHT_DECAY = 0.01
"""Weight decay of AdamW, which multiplies it by the learning rate at every step."""
MakeModel = Callable[[int], nn.Module]
"""Seed -> a network with fresh weights, always of the same shapes."""


class PlainSteps:
    """Steps run by PyTorch as usual."""

    stream: torch.cuda.Stream | None = None
    """None: work is queued on the caller's stream."""

    def __init__(
        self, config: ClassifierConfig, data: Resident, make_model: MakeModel, seed: int
    ) -> None:
        self._config, self._data = config, data
        model = make_model(seed).to(data.device)
        self.model = model.to(memory_format=torch.channels_last).train()
        self._optimizer = make_optimizer(config, self.model, capturable=False)

    def run(self, rows_B: Tensor, draws_BK: Tensor, lr: float) -> None:
        """Take one step on these rows of the resident images."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.zero_grad(set_to_none=True)
        loss_of(self._config, self.model, self._data, rows_B, draws_BK).backward()
        self._optimizer.step()

    def result(self) -> nn.Module:
        """The trained network. It is not changed by later trainings."""
        return self.model


class GraphedSteps:
    """Steps replayed from one CUDA graph of gathering, augmentation, both passes and the update.

    The graph is recorded once, for one shape of step. Every later training starts by writing fresh
    weights into the same memory. Each lane has its own stream, so several lanes run side by side.
    """

    def __init__(
        self, config: ClassifierConfig, data: Resident, make_model: MakeModel, lane: int = 0
    ) -> None:
        self._make_model = make_model
        self.stream: torch.cuda.Stream | None = _stream_of(data.device, lane)
        self.model = make_model(0).to(data.device)
        self.model.to(memory_format=torch.channels_last).train()
        compiled = config.acceleration == "compile"
        forward = torch.compile(self.model, dynamic=False) if compiled else self.model
        self._optimizer = make_optimizer(config, self.model, capturable=True)
        self._rows_B = torch.zeros(config.batch_size, dtype=torch.long, device=data.device)
        self._draws_BK = torch.ones(config.batch_size, num_draws(config), device=data.device)

        def step() -> None:
            self._optimizer.zero_grad(set_to_none=True)
            loss_of(config, forward, data, self._rows_B, self._draws_BK).backward()
            self._optimizer.step()

        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream), warnings.catch_warnings():
            # AdamW warns that these warm-up steps are not part of a graph.
            warnings.filterwarnings("ignore", message=".*constructed with capturable=True")
            for _ in range(WARM_UP_STEPS):
                step()
        torch.cuda.current_stream().wait_stream(self.stream)
        self._optimizer.zero_grad(set_to_none=True)
        self._graph = torch.cuda.CUDAGraph()
        # The outer context restores the stream; an aborted recording would leave its own current.
        with (
            torch.cuda.stream(torch.cuda.current_stream()),
            torch.cuda.graph(self._graph, stream=self.stream),
        ):
            step()

    def begin(self, seed: int) -> None:
        """Write fresh weights and an empty optimizer state into the graph's memory."""
        assert self.stream is not None
        queued_here = torch.cuda.current_stream()
        queued_here.wait_stream(self.stream)  # an aborted training may still run
        fresh = self._make_model(seed).state_dict()
        for name, value in self.model.state_dict().items():
            value.copy_(fresh[name])
        for state in self._optimizer.state.values():
            for value in state.values():
                if isinstance(value, Tensor):
                    value.zero_()
        self.model.train()
        self.stream.wait_stream(queued_here)

    def run(self, rows_B: Tensor, draws_BK: Tensor, lr: float) -> None:
        """Queue one step on these rows of the resident images."""
        self._rows_B.copy_(rows_B)
        self._draws_BK.copy_(draws_BK)
        for group in self._optimizer.param_groups:
            group["lr"].fill_(lr)
        self._graph.replay()

    def result(self) -> nn.Module:
        """A copy of the network, because the next training overwrites its memory."""
        return copy.deepcopy(self.model)


@cache
def _stream_of(device: torch.device, lane: int) -> torch.cuda.Stream:
    """One stream per lane and process, because cuBLAS keeps a workspace for every stream it saw."""
    return torch.cuda.Stream(device)


Steps = PlainSteps | GraphedSteps


def loss_of(
    config: ClassifierConfig,
    model: Callable[[Tensor], Tensor],
    data: Resident,
    rows_B: Tensor,
    draws_BK: Tensor,
) -> Tensor:
    """Mean cross-entropy of one step, float32."""
    images_BCHW = augment(config, normalise(data.images_NCHW[rows_B]), draws_BK)
    with autocast(data.device, config.precision):
        logits_BC = model(images_BCHW)
    return nn.functional.cross_entropy(logits_BC.float(), data.labels_N[rows_B])


def make_optimizer(
    config: ClassifierConfig, model: nn.Module, capturable: bool
) -> torch.optim.Optimizer:
    """The optimizer of a network; its rate is set before every step.

    Args:
        capturable: For a CUDA graph, which needs the rate in a tensor.
    """
    device = next(model.parameters()).device
    lr = torch.tensor(config.lr, device=device) if capturable else config.lr
    return torch.optim.AdamW(
        model.parameters(), lr=lr, weight_decay=WEIGHT_DECAY, fused=True, capturable=capturable
    )
