"""One training step after another: plainly, or as a CUDA graph that is recorded once and replayed.

Shape letters: B images a step, K random numbers an image.
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
"""Before a graph is recorded, so that libraries have chosen their kernels; PyTorch's advice."""
WEIGHT_DECAY = 0.01
"""Of AdamW, times the learning rate, at every step."""
MakeModel = Callable[[int], nn.Module]
"""Seed -> a network with fresh weights, always of the same shapes."""


class PlainSteps:
    """PyTorch as it comes."""

    stream: torch.cuda.Stream | None = None
    """Work is queued wherever the caller's is."""

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
        """The trained network, for keeps."""
        return self.model


class GraphedSteps:
    """One CUDA graph holds gathering, augmentation, both passes and the update.

    It is recorded once, for one shape of step; every training after that starts by writing fresh
    weights into the same memory. Each lane has a stream of its own, so several run side by side.
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
            # That its steps are not recorded yet.
            warnings.filterwarnings("ignore", message=".*constructed with capturable=True")
            for _ in range(WARM_UP_STEPS):
                step()
        torch.cuda.current_stream().wait_stream(self.stream)
        self._optimizer.zero_grad(set_to_none=True)
        self._graph = torch.cuda.CUDAGraph()
        # Left on its stream by a recording that breaks off, a process would go on there.
        with (
            torch.cuda.stream(torch.cuda.current_stream()),
            torch.cuda.graph(self._graph, stream=self.stream),
        ):
            step()

    def begin(self, seed: int) -> None:
        """Fresh weights and an optimizer that remembers nothing, in the graph's own memory."""
        assert self.stream is not None
        queued_here = torch.cuda.current_stream()
        queued_here.wait_stream(self.stream)  # a training that was broken off may still run
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
        """A copy of the network: the next training starts in the same memory."""
        return copy.deepcopy(self.model)


@cache
def _stream_of(device: torch.device, lane: int) -> torch.cuda.Stream:
    """One a lane for the whole process: cuBLAS keeps a workspace for every stream it ever saw."""
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
        capturable: For a CUDA graph, where the rate must lie in a tensor.
    """
    device = next(model.parameters()).device
    lr = torch.tensor(config.lr, device=device) if capturable else config.lr
    return torch.optim.AdamW(
        model.parameters(), lr=lr, weight_decay=WEIGHT_DECAY, fused=True, capturable=capturable
    )
