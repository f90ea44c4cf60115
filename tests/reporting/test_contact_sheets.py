"""Images are 5 x 7 pixels whose value is their own index, so a tile tells where it came from."""

import io

import numpy as np
import pytest
from PIL import Image

from rlsel.runs.contact_sheets import load_contact_sheets, save_contact_sheets

NUM = 211
CLASS_NAMES = ("a", "b", "c")


def indexed_images(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.uint8)[:, None, None, None].repeat(5, 1).repeat(7, 2).repeat(3, 3)


@pytest.fixture(scope="module")
def pool():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, NUM)  # class c has no candidate
    keep_probability = rng.random(NUM)
    return indexed_images(NUM), labels, keep_probability > 0.4, keep_probability


def save(run_dir, pool, keep_probability=True, seed=0):
    images, labels, kept, probability = pool
    save_contact_sheets(
        run_dir,
        images,
        labels,
        CLASS_NAMES,
        kept,
        probability if keep_probability else None,
        np.random.default_rng(seed),
    )
    return {(s.class_name, s.group): s for s in load_contact_sheets(run_dir)}


def indices(sheet) -> list[int]:
    return sheet.images[:, 0, 0, 0].tolist()


def test_every_tile_is_of_its_class_and_side(tmp_path, pool):
    _, labels, kept, probability = pool
    for (class_name, group), sheet in save(tmp_path, pool).items():
        tiles = indices(sheet)
        assert len(tiles) == len(set(tiles)) == (8 if "surest" in group else 24)
        assert (labels[tiles] == CLASS_NAMES.index(class_name)).all()
        assert (kept[tiles] == ("kept" in group)).all()
        np.testing.assert_array_equal(sheet.keep_probability, probability[tiles])


def test_totals_count_the_whole_side(tmp_path, pool):
    _, labels, kept, _ = pool
    sheets = save(tmp_path, pool)
    assert sheets["b", "discarded"].num_total == int((~kept & (labels == 1)).sum())


def test_surest_are_the_extremes_of_the_probability(tmp_path, pool):
    _, labels, kept, probability = pool
    sheets = save(tmp_path, pool)
    of_kept = np.sort(probability[kept & (labels == 0)])[::-1][:8]
    of_discarded = np.sort(probability[~kept & (labels == 0)])[:8]
    np.testing.assert_array_equal(sheets["a", "surest_kept"].keep_probability, of_kept)
    np.testing.assert_array_equal(sheets["a", "surest_discarded"].keep_probability, of_discarded)


def test_random_tiles_follow_the_generator(tmp_path, pool):
    first = indices(save(tmp_path, pool, seed=1)["a", "kept"])
    again = indices(save(tmp_path, pool, seed=1)["a", "kept"])
    other = indices(save(tmp_path, pool, seed=2)["a", "kept"])
    assert first == again != other


def test_no_sheet_of_the_surest_without_probabilities(tmp_path, pool):
    groups = {group for _, group in save(tmp_path, pool, keep_probability=False)}
    assert groups == {"kept", "discarded"}


def test_few_candidates_give_few_tiles_and_none_no_sheet(tmp_path):
    images, labels = indexed_images(3), np.zeros(3, dtype=np.int64)
    kept = np.ones(3, dtype=bool)
    sheets = save(tmp_path, (images, labels, kept, np.full(3, 0.5)))
    assert {key: len(sheet.images) for key, sheet in sheets.items()} == {("a", "kept"): 3}


def test_small_images_are_enlarged_by_whole_pixels(tmp_path, pool):
    sheet = save(tmp_path, pool)["a", "surest_kept"]
    picture = np.asarray(Image.open(io.BytesIO(sheet.png())))
    first = picture[:50, :70]  # 7 pixels become 70, the least multiple of 7 from 64 on
    assert picture.shape == (50, 8 * 73 - 3, 4)
    assert (first[..., 0] == indices(sheet)[0]).all()
    assert (picture[:, 70:73, 3] == 0).all()
