"""Shrinking averages; nothing is skipped and nothing is off by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sources import random_images

from rlsel.data.decoding.resize import block_mean, resize, resize_set
from rlsel.data.image_set import ImageSet


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 5), st.integers(1, 5), st.integers(0))
@settings(max_examples=60, deadline=None)
def test_block_mean_is_the_exact_mean_of_every_block_rounded_half_up(
    rows: int, columns: int, height: int, width: int, seed: int
) -> None:
    image = random_images(1, rows * height, columns * width, seed)[0]

    reduced = block_mean(image, rows, columns)

    for y in range(height):
        for x in range(width):
            block = image[y * rows : (y + 1) * rows, x * columns : (x + 1) * columns]
            mean = block.astype(float).mean(axis=(0, 1))
            assert np.array_equal(reduced[y, x], np.floor(mean + 0.5).astype(np.uint8))


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (16, 17), (1, 257), (257, 1), (300, 2)])
def test_white_stays_white_however_large_the_blocks_are(rows: int, columns: int) -> None:
    image = np.full((2 * rows, 3 * columns, 3), 255, dtype=np.uint8)

    assert np.array_equal(block_mean(image, rows, columns), np.full((2, 3, 3), 255))


@pytest.mark.parametrize("size", [(11, 13), (5, 26), (22, 39), (1, 1)])
def test_a_plain_colour_stays_that_colour_at_any_size(size: tuple[int, int]) -> None:
    image = np.full((22, 26, 3), (17, 101, 211), dtype=np.uint8)

    resized = resize(image, size)

    assert resized.shape == (*size, 3)
    assert (resized == (17, 101, 211)).all()


def test_height_comes_before_width() -> None:
    assert resize(random_images(1, 12, 6)[0], (4, 5)).shape == (4, 5, 3)


def test_shrinking_by_a_broken_factor_keeps_the_mean() -> None:
    image = random_images(1, 70, 55)[0]

    resized = resize(image, (32, 32))

    assert abs(resized.mean() - image.mean()) < 0.5


def test_an_image_of_the_right_size_is_not_copied() -> None:
    image = random_images(1)[0]

    assert resize(image, (7, 5)) is image


def test_resizing_a_set_keeps_labels_and_ids() -> None:
    images = ImageSet(
        random_images(3, 8, 8), np.array([0, 1, 0]), ("a", "b"), np.array(list("xyz"))
    )

    small = resize_set(images, (4, 2))

    assert small.images.shape == (3, 4, 2, 3)
    assert small.ids.tolist() == ["x", "y", "z"]
    assert small.labels.tolist() == [0, 1, 0]
