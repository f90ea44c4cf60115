"""Features as work that is done once: by which files, cache and run folder find them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from rlsel.data import EmbeddingSet, Splits
from rlsel.features.config import FeaturesConfig
from rlsel.features.extract import Extracted, Features, as_they_are, extract_features
from rlsel.features.extractors import identity_of
from rlsel.features.extractors.config import ExtractorConfig, FileExtractor
from rlsel.features.folds import unseen_rows
from rlsel.machine.atomic_files import replacing, write_bytes
from rlsel.machine.cache.kept import Form, Work
from rlsel.machine.workplace import Here, Workplace
from rlsel.pool import Pool


@dataclass(frozen=True)
class Fold:
    """One extractor of several, or the only one."""

    number: int = 0
    """From 0; the files of a run folder are called after it."""
    unseen: np.ndarray | None = None
    """(m,) real samples that it is not trained on; None trains it on all."""

    def file(self, suffix: str) -> str:
        return f"features_{self.number}{suffix}" if self.number else f"features{suffix}"


def extractions(
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    keep_weights: bool = False,
    where: Workplace | None = None,
) -> Iterator[Work[Extracted]]:
    """The features by each extractor, as work that runs of the same samples and settings share.

    Args:
        where: Where they are computed; None is this process.

    Raises:
        InputError: there are too few real samples for so many folds.
    """
    for number, unseen in enumerate(unseen_rows(config, splits.train, seed)):
        yield extraction(config, splits, pool, seed, keep_weights, where, Fold(number, unseen))


def extraction(
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    keep_weights: bool = False,
    where: Workplace | None = None,
    fold: Fold | None = None,
) -> Work[Extracted]:
    """The features by one extractor, by default the only one."""
    where, fold = where or Here(), fold or Fold()
    form = _form(fold, keep_weights)
    if isinstance(splits.train, EmbeddingSet):
        form = _logits_alone(splits, pool)
    if isinstance(splits.train, EmbeddingSet) or isinstance(config.extractor, FileExtractor):
        where = Here()  # features that are there already need no device
    samples = [part.digest for name, part in splits.named().items() if name != "test"]
    of_fold = () if fold.unseen is None else ("unseen", fold.unseen)
    return Work(
        f"features, fold {fold.number + 1}" if fold.number else "features",
        (*identity_of(config.extractor, seed), pool.digest, *samples, *of_fold),
        partial(_extract_at, where, config, splits, pool, seed, keep_weights, fold),
        form,
        made_on=where.computed_by(),
    )


def _extract_at(
    where: Workplace,
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    keep_weights: bool,
    fold: Fold,
) -> Extracted:
    def extract_by(extractor: ExtractorConfig) -> Extracted:
        by = replace(config, extractor=extractor)
        return extract_features(by, splits, pool, seed, keep_weights, fold.unseen)

    return where.run_by(extract_by, config.extractor, ("weights",))


def _form(fold: Fold, with_weights: bool) -> Form[Extracted]:
    arrays, weights = fold.file(".npz"), fold.file(".pt")

    def write(extracted: Extracted, folder: Path) -> None:
        if with_weights:
            buffer = BytesIO()  # torch.save to a file would hide that the disk is full
            torch.save(extracted.weights, buffer)
            write_bytes(folder / weights, buffer.getbuffer())
        with replacing(folder / arrays) as temporary:
            np.savez(temporary, **extracted.features.arrays)  # pyright: ignore[reportArgumentType]

    def read(folder: Path) -> Extracted:
        features = Features(**_arrays_of(folder / arrays))
        if not with_weights:
            return Extracted(features)
        loaded = torch.load(folder / weights, map_location="cpu", weights_only=True)
        return Extracted(features, loaded)

    return Form("features", (arrays, weights) if with_weights else (arrays,), write, read)


def _logits_alone(splits: Splits, pool: Pool) -> Form[Extracted]:
    """Of embeddings, which are their own features and lie in the files that they came from."""
    file = Fold().file(".npz")

    def write(extracted: Extracted, folder: Path) -> None:
        with replacing(folder / file) as temporary:
            np.savez(temporary, candidate_logits=extracted.features.candidate_logits)

    def read(folder: Path) -> Extracted:
        logits_NC = _arrays_of(folder / file)["candidate_logits"]
        return Extracted(Features(**as_they_are(splits, pool), candidate_logits=logits_NC))

    return Form("features", (file,), write, read)


def _arrays_of(path: Path) -> dict[str, np.ndarray]:
    # Opened here, because NumPy would leave a file open that it cannot read.
    with path.open("rb") as file, np.load(file) as stored:
        return {name: stored[name] for name in stored.files}
