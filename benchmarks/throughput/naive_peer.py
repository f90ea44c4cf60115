"""The naive peer: a classifier trained as the tutorials of PyTorch and torchvision show it.

A `Dataset` that transforms one image at a time, a `DataLoader` with workers, float32, AdamW under
a one-cycle schedule. Nothing here comes from rlsel. What a competent user does is done: workers
that live through all epochs, pinned memory and copies that do not wait on a GPU, TF32 as PyTorch
has it by default, the fastest convolutions looked for, no gradients in validation, no `.item()` in
the loop.

Shape letters: N images, H rows, W columns, C classes.
"""

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models import ResNet, resnet34
from torchvision.transforms import v2

VAL_BATCH_SIZE = 512
"""Without gradients there is room for more images; the same as rlsel takes."""
HALF = (0.5, 0.5, 0.5)
"""Mean and std that bring 0..1 to -1..1, what rlsel feeds the network."""


@dataclass(frozen=True)
class NaiveResult:
    """What came of a training."""

    model: ResNet
    val_logits: list[np.ndarray] = field(default_factory=list)
    """(n, classes) after each validated epoch, oldest first."""
    validation_s: float = 0.0
    """Seconds of all passes over the validation images together."""


class PatchDataset(Dataset):
    """Labelled uint8 images, transformed one by one as they are asked for."""

    def __init__(self, images_NHWC: np.ndarray, labels_N: np.ndarray, augment: bool) -> None:
        self.images_NHWC, self.labels_N = images_NHWC, labels_N
        flips = [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()] if augment else []
        # ToImage and ToDtype are what torchvision says to use in place of the old ToTensor.
        to_float = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(HALF, HALF)]
        self.transform = v2.Compose([v2.ToImage(), *flips, *to_float])

    def __len__(self) -> int:
        return len(self.labels_N)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images_NHWC[index]), int(self.labels_N[index])


def train_naively(
    images_NHWC: np.ndarray,
    labels_N: np.ndarray,
    val_images_NHWC: np.ndarray,
    val_labels_N: np.ndarray,
    *,
    epochs: int = 10,
    batch_size: int = 64,
    lr: float = 1e-3,
    weight_decay: float = 0.01,
    seed: int = 0,
    device: str = "cpu",
    num_workers: int = 0,
    num_validated_epochs: int = 5,
) -> NaiveResult:
    """Train a ResNet34 and predict the validation images after each of the last epochs.

    Args:
        images_NHWC: uint8.
        lr: Highest learning rate of the schedule.
        num_workers: Of each of the two loaders; 0 loads in this process.
        num_validated_epochs: 0 never validates.
    """
    torch.manual_seed(seed)
    on_gpu = torch.device(device).type == "cuda"
    torch.backends.cudnn.benchmark = on_gpu
    loader, val_loader = _loaders(
        PatchDataset(images_NHWC, labels_N, augment=True),
        PatchDataset(val_images_NHWC, val_labels_N, augment=False),
        batch_size,
        num_workers,
        on_gpu,
    )
    num_classes = int(max(labels_N.max(), val_labels_N.max())) + 1
    model = resnet34(weights=None, num_classes=num_classes).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=lr, total_steps=max(epochs * len(loader), 4), cycle_momentum=False
    )
    val_logits, validation_s = [], 0.0
    for epoch in range(epochs):
        model.train()
        for images, labels in loader:
            logits = model(images.to(device, non_blocking=True))
            loss = nn.functional.cross_entropy(logits, labels.to(device, non_blocking=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch >= epochs - num_validated_epochs:
            _wait(on_gpu)
            start = time.perf_counter()
            val_logits.append(predict_naively(model, val_loader, device))
            validation_s += time.perf_counter() - start
    _wait(on_gpu)
    return NaiveResult(model, val_logits, validation_s)


def _loaders(
    train: "PatchDataset", val: "PatchDataset", batch_size: int, num_workers: int, on_gpu: bool
) -> tuple[DataLoader, DataLoader]:
    settings = {
        "num_workers": num_workers,
        "pin_memory": on_gpu,
        "persistent_workers": num_workers > 0,
    }
    loader = DataLoader(
        train,
        batch_size,
        shuffle=True,
        # A last batch of one image would break batch normalisation.
        drop_last=len(train) % batch_size == 1,
        **settings,
    )
    return loader, DataLoader(val, VAL_BATCH_SIZE, **settings)


def predict_naively(model: nn.Module, loader: DataLoader, device: str) -> np.ndarray:
    """(n, classes) logits of all images of a loader, with the model in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        logits = [model(images.to(device, non_blocking=True)) for images, _ in loader]
    return torch.cat(logits).cpu().numpy()


def _wait(on_gpu: bool) -> None:
    """For the GPU's queue, so that validation is not charged with training."""
    if on_gpu:
        torch.cuda.synchronize()
