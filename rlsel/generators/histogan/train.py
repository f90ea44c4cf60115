"""Train a generator on images and keep it in a folder. Read this file first."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rlsel.classifier import Resident
from rlsel.data.image_set import ImageSet
from rlsel.errors import InputError
from rlsel.generators.about import About, require_same
from rlsel.generators.histogan.alarms import FEW, require_finite, warn_of_trouble
from rlsel.generators.histogan.checkpoint import (
    Checkpoint,
    about_of,
    load_checkpoint,
    restore,
    save_checkpoint,
)
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.networks import require_fitting_size
from rlsel.generators.histogan.training import SMALLEST_PART, Training
from rlsel.generators.histogan.watch import Watcher
from rlsel.generators.seam import Trained
from rlsel.generators.training_folder import CHECKPOINT, read_rows
from rlsel.machine.device import best_device
from rlsel.machine.device_memory import room_for
from rlsel.machine.progress import Bar, console, progress_bar
from rlsel.machine.wording import counted

MIN_PER_CLASS = 8


def require_trainable(train: ImageSet) -> None:
    """Refuse images on which no generator can be trained.

    Raises:
        InputError: too few images of a class, only one class, or a size that cannot be halved.
    """
    if train.num_classes < 2:
        raise InputError(
            f"generator: training has one class, {train.class_names[0]!r}; a conditional generator "
            "needs two or more"
        )
    for name, count in train.counts.items():
        if count < MIN_PER_CLASS:
            raise InputError(
                f"generator: training has {counted(count, 'image')} of class {name!r}, and at "
                f"least {MIN_PER_CLASS} are needed: add some, join classes, or take candidates "
                "from elsewhere (pool)"
            )
    height, width = train.images.shape[1:3]
    require_fitting_size((height, width))


def train_generator(
    config: HistoGANConfig,
    train: ImageSet,
    seed: int,
    folder: Path,
    on_save: Callable[[], object] = lambda: None,
) -> Trained[Checkpoint]:
    """Train, going on from the checkpoint in `folder` if there is one.

    Args:
        on_save: Called after every checkpoint.

    Raises:
        InputError: the images cannot be trained on, the checkpoint is of another training, or
            losses are NaN or infinite.
    """
    require_trainable(train)
    about, path = about_of(config, train, seed), folder / CHECKPOINT
    with room_for(
        f"a generator's training, though batches of {config.batch_size} are cut down to "
        f"{SMALLEST_PART} images at a time",
        "lower generator.channels, generator.batch_size or data.size_px",
    ):
        data = Resident.put(train.images, train.labels, best_device())
        training = Training(config, data, train.num_classes, seed)
        if path.exists():
            checkpoint = load_checkpoint(path)
            require_same(path, checkpoint.about, about)
            restore(training, checkpoint)
        with closing(Watcher(folder, train, read_rows(folder, training.step))) as watcher:
            if training.step < training.num_steps:
                with progress_bar("generator", training.num_steps, training.step) as bar:
                    _run(training, watcher, bar, path, about, on_save)
    warnings = [*warn_of_trouble(watcher.rows).values()]
    if training.num_parts > 1:
        warnings.append(_short_of_memory(training))
    return Trained(load_checkpoint(path), watcher.rows, warnings)


def _run(
    training: Training,
    watcher: Watcher,
    bar: Bar,
    path: Path,
    about: About,
    on_save: Callable[[], object],
) -> None:
    config, num_parts = training.config, training.num_parts
    images_a_step = config.batch_size * config.discriminator_steps
    warned: set[str] = set()
    while training.step < training.num_steps:
        watcher.add(training.run_step(), images_a_step)
        if training.num_parts > num_parts:
            num_parts = training.num_parts
            console.print(_short_of_memory(training), markup=False)
        is_last = training.step == training.num_steps
        if is_last or training.step % config.show_every == 0:
            row = watcher.show(training)
            require_finite(row, str(path.parent))
            if len(watcher.rows) >= FEW:
                for name, warning in warn_of_trouble(watcher.rows).items():
                    if name not in warned:
                        console.print(f"warning: {warning}", style="yellow", markup=False)
                    warned.add(name)
            note = (
                f"losses {row['loss_discriminator']:.2f} and {row['loss_generator']:.2f}, "
                f"{row['images_per_s']:.0f} images/s"
            )
            bar.advance(0, note)
        if is_last or training.step % config.save_every == 0:
            save_checkpoint(path, training, about)
            on_save()
        bar.advance()


def _short_of_memory(training: Training) -> str:
    return (
        f"out of memory on the device: batches of {training.config.batch_size} are worked off in "
        f"{training.num_parts} parts; their gradients add up, but batch normalisation and "
        "minibatch standard deviation see a part alone"
    )
