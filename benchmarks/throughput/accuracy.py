"""Is the maths that of the plain trainer? Test scores of both sides, seed by seed."""

import time
from functools import cached_property

import torch
from recording import Cell

from rlsel import metrics
from rlsel.classifier import Resident, Trainer
from rlsel.data import Splits, load_splits
from rlsel.experiment.config import Experiment

from .naive_peer import train_naively
from .sides import shared_settings


class AccuracyCheck:
    """Trains both sides on the same real images and looks at test after the last epoch alone."""

    def __init__(self, experiment: Experiment, device: str, threads: int) -> None:
        """Nothing is loaded before it is asked for. `threads` are the peer's."""
        self._experiment, self._device, self._threads = experiment, device, threads

    def ours(self, seed: int) -> Cell:
        torch.set_num_threads(1)
        start = time.perf_counter()
        rows_N = torch.arange(len(self._splits.train))
        fitted = self._trainer.fit(rows_N, seed, self._test, num_validated_epochs=1)
        return self._scores(fitted.val_logits[-1].numpy(), start)

    def peer(self, seed: int) -> Cell:
        torch.set_num_threads(self._threads)
        start = time.perf_counter()
        train, test = self._splits.train, self._splits.test
        # The peer's own choice of kernels, and ours again afterwards: flags are the process's.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False):
            result = train_naively(
                train.images,
                train.labels,
                test.images,
                test.labels,
                **shared_settings(self._experiment.classifier),
                seed=seed,
                device=self._device,
                num_validated_epochs=1,
            )
        return self._scores(result.val_logits[-1], start)

    def _scores(self, logits_NC, start: float) -> Cell:
        labels_N = self._splits.test.labels
        return {
            "accuracy": metrics.accuracy(logits_NC, labels_N),
            "auc": metrics.auc(logits_NC, labels_N),
            "num_train": len(self._splits.train),
            "num_test": len(labels_N),
            "seconds": time.perf_counter() - start,
        }

    @cached_property
    def _splits(self) -> Splits:
        return load_splits(self._experiment.data, 0)

    @cached_property
    def _trainer(self) -> Trainer:
        train = self._splits.train
        images = Resident.put(train.images, train.labels, torch.device(self._device))
        return Trainer(self._experiment.classifier, images, train.num_classes)

    @cached_property
    def _test(self) -> Resident:
        test = self._splits.test
        return Resident.put(test.images, test.labels, torch.device(self._device))
