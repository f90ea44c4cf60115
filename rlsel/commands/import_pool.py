"""`rlsel import`: turn images of any other generator into a pool, with the same audit as ours."""

from dataclasses import dataclass, replace
from pathlib import Path

from rlsel.data import EmbeddingSet, ImageSet, load_splits
from rlsel.data.image_set import as_images
from rlsel.data.kinds import known
from rlsel.data.pattern import pattern_by_class, warn_of_pattern
from rlsel.data.sources.recognise import require_columns
from rlsel.experiment.config import Experiment
from rlsel.machine.atomic_files import require_new, write_bytes
from rlsel.pool import EmbeddingsPool, Pool, build_pool, write_pool
from rlsel.pool.build import require_enough
from rlsel.pool.recognise import recognise_pool
from rlsel.quality.of_run import audit_of, without_copies
from rlsel.quality.pairs import nearest_pairs
from rlsel.quality.report import describe_copies
from rlsel.reporting.copies import draw_pairs


@dataclass(frozen=True)
class Imported:
    """The written pool, and the findings of the audit."""

    pool: Pool
    copies: str
    """The findings of the audit. Copies stay in the pool unless `drop_copies` was set."""
    warnings: tuple[str, ...]
    picture: Path | None
    """A picture of the candidates most similar to a training image, each above it; None for
    embeddings."""


def import_pool(
    experiment: Experiment,
    images: str,
    to: Path,
    source: str | None = None,
    drop_copies: bool = False,
    label: str | None = None,
) -> Imported:
    """Read images, make them fit the real ones of an experiment, look for copies, write a pool.

    Args:
        images: A folder with a folder for each class, a Parquet file or glob, or an NPZ file.
        to: The Parquet file to write; the picture is written beside it.
        source: The origin of the images, for the record; None names the path.
        label: The column of the classes, for Parquet; None finds it.
        drop_copies: Leave out candidates that copy a training image, as `audit.drop_copies` does.

    Raises:
        InputError: the images or the real ones are wrong, or `to` exists already.
    """
    require_new(to, "--to")
    splits = load_splits(experiment.data, experiment.seed)
    match known(splits.train):
        case ImageSet():
            config = recognise_pool(images, label)
        case EmbeddingSet():
            config = EmbeddingsPool(path=images)
            config = config if label is None else replace(config, label_column=label)
    require_columns(label, config.source)
    pool = build_pool(config, splits, experiment.data, experiment.seed)
    pool = replace(pool, source=source) if source else pool
    audit = audit_of(splits, pool, None, experiment.seed)
    pairs = nearest_pairs(splits, pool, audit)
    kept = pool
    if drop_copies or experiment.audit.drop_copies:
        kept = without_copies(pool, audit)
    require_enough(kept)
    write_pool(kept, to)
    picture, warnings = None, []
    if pairs.candidates is not None and pairs.originals is not None:
        picture = to.with_suffix(".copies.png")
        write_bytes(picture, draw_pairs(pairs.candidates, pairs.originals))
        sets = (kept.candidates, splits.train)
        warnings = warn_of_pattern(*(pattern_by_class(as_images(samples)) for samples in sets))
    return Imported(kept, describe_copies(audit, splits.train.noun), tuple(warnings), picture)
