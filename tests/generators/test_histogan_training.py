"""Training: the same seed gives the same networks, whatever comes in between."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_gan import BATCH, SIZE, STEPS, small_config, small_train, train

from rlsel.classifier import Resident
from rlsel.data.tiles import GAP_PX, lay_out
from rlsel.errors import InputError
from rlsel.generators.histogan import train as train_module
from rlsel.generators.histogan.checkpoint import Checkpoint, load_checkpoint
from rlsel.generators.histogan.networks import Discriminator
from rlsel.generators.histogan.sampling import Sampler
from rlsel.generators.histogan.training import Training
from rlsel.generators.histogan.watch import NUM_SHOWN
from rlsel.generators.training_folder import GRIDS
from rlsel.generators.training_folder import STEPS as STEPS_FILE


def new_training(seed: int = 0, **changed: Any) -> Training:
    images = small_train()
    data = Resident.put(images.images, images.labels, torch.device("cpu"))
    return Training(small_config(**changed), data, images.num_classes, seed)


def same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    return all(
        torch.equal(one.weights[part][name], other.weights[part][name])
        for part in ("generator", "discriminator", "average")
        for name in one.weights[part]
    )


def test_the_same_seed_trains_the_same_networks_and_another_others(tmp_path: Path) -> None:
    one, again, other = (
        train(tmp_path / name, seed).checkpoint for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )

    assert same_weights(one, again)
    assert not same_weights(one, other)
    assert one.model_hash == again.model_hash != other.model_hash


def test_an_interrupted_training_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole").checkpoint
    step = Training.run_step

    def interrupted(training: Training) -> dict[str, torch.Tensor]:
        if training.step == 3:  # the last checkpoint is from step 2
            raise KeyboardInterrupt
        return step(training)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut")
    assert load_checkpoint(tmp_path / "cut" / "generator.pt").step == 2
    resumed = train(tmp_path / "cut")

    assert same_weights(resumed.checkpoint, whole)
    assert resumed.checkpoint.step == STEPS
    assert [row["step"] for row in resumed.rows] == [2, 4, 5]


def test_a_finished_training_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(tmp_path)
    monkeypatch.setattr(Training, "run_step", None)

    again = train(tmp_path)

    assert same_weights(first.checkpoint, again.checkpoint)
    assert [row["step"] for row in again.rows] == [2, 4, 5]


def test_every_image_is_seen_once_before_any_is_seen_again() -> None:
    training = new_training()

    rows = torch.cat([training._rows(first, BATCH) for first in range(0, 2 * 78, BATCH)])

    # 26 images in batches of 6: passes do not end where batches do.
    for start in range(0, 2 * 78, 26):
        assert sorted(rows[start : start + 26].tolist()) == list(range(26))
    assert not torch.equal(rows[:26], rows[26:52])


def test_made_images_have_the_labels_of_the_real_ones_beside_them() -> None:
    training = new_training(discriminator_steps=2)

    last_discriminator, generator = training._draw(1), training._draw(2)

    assert torch.equal(last_discriminator.real_B, generator.real_B)
    assert not torch.equal(last_discriminator.noise_BZ, generator.noise_BZ)


def test_where_memory_is_short_a_batch_is_halved_and_its_gradient_is_that_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Without what couples the images of a batch; a loss is then a mean over them.
    plain: dict[str, Any] = {"minibatch_std": False, "augmentation": (), "batch_size": 8}
    whole, halved = new_training(**plain), new_training(**plain)
    for training in (whole, halved):
        training.generator.eval()
    forward = halved.discriminator.forward

    def little_memory(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if len(images) > 4:
            raise torch.OutOfMemoryError
        return forward(images, labels)

    monkeypatch.setattr(halved.discriminator, "forward", little_memory)
    draws = [training._draw(0) for training in (whole, halved)]
    told = [
        training._update(
            training.discriminator_optimiser,
            lambda part, t=training, d=draw: t._discriminator_gradients(d, part),
            "discriminator",
        )
        for training, draw in zip((whole, halved), draws, strict=True)
    ]

    assert (whole.num_parts, halved.num_parts) == (1, 2)
    assert told[1]["loss_discriminator"] == pytest.approx(
        float(told[0]["loss_discriminator"]), rel=1e-3
    )
    assert float(told[1]["grad_norm_discriminator"]) == pytest.approx(
        float(told[0]["grad_norm_discriminator"]), rel=0.05
    )


def test_where_not_even_few_images_fit_it_says_what_to_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def no_memory(network: Discriminator, images: torch.Tensor, labels: torch.Tensor) -> None:
        sizes.append(len(images))
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Discriminator, "forward", no_memory)

    with pytest.raises(InputError, match=r"out of memory .* lower generator.channels, generator.b"):
        train(tmp_path, batch_size=16, num_images=16)
    assert sizes == [16, 8, 4]


def test_where_batches_were_split_the_training_says_so_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forward = Discriminator.forward

    def little_memory(
        network: Discriminator, images: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        if len(images) > 4:
            raise torch.OutOfMemoryError
        return forward(network, images, labels)

    monkeypatch.setattr(Discriminator, "forward", little_memory)

    trained = train(tmp_path, batch_size=8, num_images=16)

    (warning,) = (text for text in trained.warnings if "out of memory" in text)
    assert "batches of 8 are worked off in 2 parts" in warning
    assert "worked off in 2 parts" in " ".join(capsys.readouterr().out.split())


def test_trouble_is_told_while_there_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Training.run_step
    monkeypatch.setattr(
        Training,
        "run_step",
        lambda training: step(training) | {"loss_discriminator": torch.tensor(0.01)},
    )

    trained = train(tmp_path, num_images=10 * BATCH, show_every=1)

    assert any("wins outright" in warning for warning in trained.warnings)
    assert capsys.readouterr().out.count("wins outright") == 1


def test_a_disk_that_is_full_is_named_and_the_last_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.suffix == ".pt" and load_if_there(tmp_path) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.raises(InputError, match=r"cannot write generator.pt: no space is left"):
        train(tmp_path)
    assert load_if_there(tmp_path) == 2


def load_if_there(folder: Path) -> int:
    """Step of the checkpoint, 0 without one."""
    path = folder / "generator.pt"
    return load_checkpoint(path).step if path.exists() else 0


def test_the_average_follows_the_generator_slowly_and_without_decay_at_once() -> None:
    slow, at_once = new_training(ema_decay=0.999), new_training(ema_decay=0.0)
    before = slow.average.to_colours.weight.clone()

    slow.run_step()
    at_once.run_step()

    # A tenth is kept at the first step: (1 + 0) / (10 + 0).
    expected = before.lerp(slow.generator.to_colours.weight, 0.9)
    torch.testing.assert_close(slow.average.to_colours.weight, expected)
    torch.testing.assert_close(
        at_once.average.to_colours.weight, at_once.generator.to_colours.weight.detach()
    )


def test_a_grid_has_a_row_for_each_class_and_a_column_for_each_noise(tmp_path: Path) -> None:
    train(tmp_path)

    grids = sorted((tmp_path / GRIDS).iterdir())
    assert [path.name for path in grids] == [f"step_{s:07d}.png" for s in (2, 4, 5)]
    with Image.open(grids[-1]) as grid:
        assert grid.size == (
            NUM_SHOWN * (SIZE[1] + GAP_PX) - GAP_PX,
            2 * (SIZE[0] + GAP_PX) - GAP_PX,
        )


def test_the_last_grid_shows_what_candidates_of_those_seeds_look_like(tmp_path: Path) -> None:
    sampler = Sampler(train(tmp_path).checkpoint, torch.device("cpu"))

    expected = lay_out(
        [list(sampler.images(range(NUM_SHOWN), np.full(NUM_SHOWN, c))) for c in range(2)]
    )

    with Image.open(max((tmp_path / GRIDS).iterdir())) as grid:
        assert np.array_equal(np.asarray(grid), expected)


def test_going_on_hands_all_grids_to_tensorboard_again(tmp_path: Path) -> None:
    train(tmp_path)
    whole = (tmp_path / "tensorboard").stat().st_mtime_ns

    train(tmp_path)

    events = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert events.count(b"\x89PNG") == 3
    assert (tmp_path / "tensorboard").stat().st_mtime_ns > whole


def test_figures_are_means_since_the_last_row(tmp_path: Path) -> None:
    rows = train(tmp_path).rows

    assert [json.loads(line) for line in (tmp_path / STEPS_FILE).read_text().splitlines()] == rows
    assert [row["images"] for row in rows] == [2 * BATCH, 4 * BATCH, 5 * BATCH]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert rows[0].keys() >= {
        *("loss_discriminator", "loss_generator", "score_real", "score_made"),
        *("grad_norm_discriminator", "grad_norm_generator", "spread", "images_per_s"),
    }


@pytest.mark.parametrize(
    ("num", "num_classes", "message"),
    [
        (26, 1, "needs two or more"),
        (14, 2, "has 7 images of class 'class 0'.*at least 8 are needed"),
    ],
)
def test_images_that_no_generator_can_learn_from_are_refused(
    tmp_path: Path, num: int, num_classes: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train_module.train_generator(small_config(), small_train(num, num_classes), 0, tmp_path)


def test_a_loss_that_is_no_number_ends_the_training_with_what_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Training.run_step
    monkeypatch.setattr(
        Training,
        "run_step",
        lambda training: step(training) | {"loss_generator": torch.tensor(float("nan"))},
    )

    with pytest.raises(InputError, match=r"loss_generator is no number at step 2: lower"):
        train(tmp_path)


def test_a_checkpoint_of_other_settings_is_refused_with_what_differs(tmp_path: Path) -> None:
    train(tmp_path)

    with pytest.raises(InputError) as refusal:
        train(tmp_path, seed=3, channels=2, loss="non_saturating")

    for part in (
        "channels is 4 there and 2 here",
        "loss is 'hinge' there",
        "seed is 0 there and 3",
    ):
        assert part in str(refusal.value)


def test_a_checkpoint_goes_with_any_number_of_candidates_and_grids(tmp_path: Path) -> None:
    train(tmp_path)

    assert train(tmp_path, num_per_class=999, show_every=1).checkpoint.step == STEPS


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"PK not a zip"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "generator.pt"
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"generator.pt: is no checkpoint of a generator"):
        load_checkpoint(path)
