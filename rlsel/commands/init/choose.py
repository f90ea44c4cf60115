"""All blocks of a config: the images, the candidates or their generator, and the rest of a run."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlsel.commands.init.images import Found, data_block, look_at_images
from rlsel.commands.init.limits import Limits, limits_here
from rlsel.commands.init.noted import Block, Noted
from rlsel.commands.init.place import as_config_has_it
from rlsel.data import EmbeddingsSource
from rlsel.data.sources.recognise import has_columns, recognise, require_columns
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, default_experiment, to_dict
from rlsel.experiment.describe import find_settings
from rlsel.generators.registry import DEFAULT_KIND
from rlsel.machine.progress import console
from rlsel.machine.wording import counted
from rlsel.pool import build_pool
from rlsel.pool.checks import MIN_TRAIN_PER_CLASS
from rlsel.pool.config import EmbeddingsPool, FolderPool, NpzPool, ParquetPool
from rlsel.pool.recognise import FilePool, recognise_pool

USUAL_COLUMNS = {"image_column": "image", "label_column": "label"}
POOLS = {
    FolderPool: "in a folder for each class",
    ParquetPool: "in Parquet",
    NpzPool: "in an NPZ file",
    EmbeddingsPool: "as embeddings",
}


def blocks_of_default() -> Block:
    """The built-in default, with comments on its settings."""
    everything = to_dict(default_experiment())
    source, pool = everything["data"]["source"], everything["pool"]
    return {
        "seed": _told("seed", everything["seed"]),
        "data": Noted(
            {"source": Noted(_all_told("data.source.phantom", source))},
            "Drawn images, which need no data. For your own: rlsel init --images FOLDER",
        ),
        "pool": Noted(
            _all_told("pool.phantom", pool),
            "Drawn candidates, some of which are spoilt: it is known which, so that the report "
            "tells how many of those are left out.",
        ),
        **_rest(Experiment(), everything["evaluation"]["rounds"], ""),
    }


def blocks_for(images: str, candidates: str | None, label: str | None, folder: Path) -> Block:
    """A config for the user's images.

    Args:
        candidates: A folder, file or glob; None trains a generator.
        label: The column of the classes, for Parquet.
        folder: The folder of the config, at which its relative paths begin.

    Raises:
        InputError: a file cannot be read, or there are too few images.
    """
    limits, seed = limits_here(), Experiment().seed
    source = recognise(images, label)
    if isinstance(source, EmbeddingsSource) and candidates is None:
        raise InputError(
            f"{images}: holds embeddings, and a generator makes images alone; give candidates too, "
            "as embeddings (--candidates)"
        )
    pool = None if candidates is None else _recognised(candidates, label, has_columns(source))
    require_columns(label, source, *([pool.source] if pool else []))
    found = look_at_images(source, limits, seed, makes_candidates=candidates is None)
    console.print(f"{images}: {found.in_words}", markup=False)
    if pool is None:
        made: Block = {"generator": _generator(found, limits, images)}
    else:
        console.print(f"{candidates}: candidates, {POOLS[type(pool)]}", markup=False)
        found = _readable_with(pool, found, seed)
        made = {"pool": _pool(pool, folder)}
    return {
        "seed": _told("seed", seed),
        "data": Noted(data_block(found, folder), f"The real {found.noun}s. {found.in_words}."),
        **made,
        **_rest(Experiment(), limits.rounds, limits.machine),
    }


def _recognised(candidates: str, label: str | None, is_of_images: bool) -> FilePool:
    """The candidates. The column of the classes may be that of the images alone."""
    if label is None or not is_of_images:
        return recognise_pool(candidates, label)
    try:
        return recognise_pool(candidates)
    except InputError:
        return recognise_pool(candidates, label)


def _readable_with(pool: FilePool, found: Found, seed: int) -> Found:
    """The same images, with `data.skip_bad` set if some candidates cannot be read.

    Raises:
        InputError: the candidates do not fit the images.
    """
    try:
        build_pool(pool, found.splits, found.config, seed)
    except InputError as error:
        if isinstance(found.config.source, EmbeddingsSource):
            raise
        config = replace(found.config, skip_bad=True)
        with suppress(InputError):
            build_pool(pool, found.splits, config, seed)
            return replace(found, config=config)
        raise error from None
    return found


def _pool(pool: FilePool, folder: Path) -> Noted:
    kind = POOLS[type(pool)]
    block = {"name": Noted(pool.name), "path": Noted(as_config_has_it(pool.path, folder))}
    for key in ("image_column", "vector_column", "label_column"):
        value = getattr(pool, key, None)
        if value is not None and value != USUAL_COLUMNS.get(key):
            block[key] = Noted(value)
    return Noted(block, f"The candidates, {kind}. Their classes have the names of the real ones.")


def _generator(found: Found, limits: Limits, images: str) -> Noted:
    counts = found.splits.train.counts
    rarest = min(counts, key=lambda name: counts[name])
    if counts[rarest] < MIN_TRAIN_PER_CLASS:
        raise InputError(
            f"{images}: without candidates a generator is trained, and "
            f"{counted(counts[rarest], 'training image')} of class {rarest!r} are too few for one; "
            f"give candidates of your own (--candidates), or {MIN_TRAIN_PER_CLASS} images or more"
        )
    settings: dict[str, Any] = {"name": DEFAULT_KIND, **limits.generator}
    note = (
        "No candidates were given, so a GAN is trained on the training images first, and makes "
        "them. What it learned is kept for other runs with the same images and settings."
    )
    if "num_images" in limits.generator:
        note += (
            f" It is a small one, since this machine has {limits.machine}: such a training took 21 "
            "minutes on two cores (docs/benchmarks.md)."
        )
    return Noted(_all_told("generator", settings, alone=("num_per_class", "num_images")), note)


def _rest(usual: Experiment, rounds: int, machine: str) -> Block:
    """The blocks that every config has besides those of images and candidates."""
    methods = list(usual.selection.methods)
    why = f" It is 5 in the paper; this machine has {machine}." if rounds < 5 and machine else ""
    per_method = _told("evaluation.rounds", rounds)
    return {
        "reward": Noted(
            {
                "fidelity": _told("reward.fidelity", usual.reward.fidelity),
                "metric": _told("reward.metric", usual.reward.metric),
            },
            "What the choice of candidates is paid by. `rlsel config reward` has the rest.",
        ),
        "algorithm": Noted(
            {"iterations": _told("algorithm.iterations", usual.algorithm.iterations)},
            "How long it learns.",
        ),
        "selection": Noted({"methods": _told("selection.methods", methods)}, "What is compared."),
        "evaluation": Noted({"rounds": Noted(rounds, per_method.note + why)}, "The final scores."),
    }


def _all_told(block: str, settings: dict[str, Any], alone: tuple[str, ...] | None = None) -> Block:
    """Settings with the first sentence of their docstrings.

    Args:
        alone: Settings that get a comment; None gives one to all except the kind.
    """
    wanted = settings.keys() - {"name"} if alone is None else alone
    return {
        key: _told(f"{block}.{key}", value) if key in wanted else Noted(value)
        for key, value in settings.items()
    }


def _told(key: str, value: Any) -> Noted:
    setting = find_settings(key)[0]
    choices = f" O{setting.type[1:]}." if setting.type.startswith("one of") else ""
    return Noted(value, setting.first_sentence + choices)
