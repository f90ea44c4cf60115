"""The drawing: what the grade does to tissue, and what it leaves alone."""

import numpy as np
import pytest

from rlsel.data.phantom.architecture import smooth_noise
from rlsel.data.phantom.cells import RANGES, draw_attributes
from rlsel.data.phantom.nuclei import Nuclei, stamp_nuclei
from rlsel.data.phantom.tissue import CHUNK, Look, draw_tissue

LOOK = Look(um_per_px=1.2, attribute_spread=0.0, stain_spread=0.1)


def draw(grade: float, num: int = 23, size_px: int = 32, look: Look = LOOK) -> np.ndarray:
    return draw_tissue(np.full(num, grade), size_px, look, np.random.default_rng(0))


def nuclear_share(images: np.ndarray) -> float:
    """Share of pixels in which haematoxylin dominates: dark in red."""
    return float((images[..., 0] < 120).mean())


def one_nucleus(**changes: float) -> np.ndarray:
    """The canvas of a single round nucleus of radius 7 in the middle of 41 x 43 pixels."""
    plain = {
        "y": 20.5, "x": 21.5, "radius": 7.0, "elongation": 1.0, "angle": 0.0,
        "irregularity": 0.0, "darkness": 1.0, "clearing": 0.0, "nucleolus": 0.0,
    }  # fmt: skip
    rows = {name: np.array([value]) for name, value in (plain | changes).items()}
    nuclei = Nuclei(image=np.array([0]), **rows)
    return stamp_nuclei(nuclei, (1, 41, 43), np.random.default_rng(0))[0]


def test_nuclei_of_high_grade_cover_more_of_the_patch() -> None:
    assert nuclear_share(draw(0.9)) > 1.5 * nuclear_share(draw(0.1))


def test_grades_of_no_difference_look_the_same() -> None:
    assert np.array_equal(draw(0.5), draw(0.5))


@pytest.mark.parametrize("size_px", [17, 32, 61])
def test_images_are_square_rgb_of_the_size_asked_for(size_px: int) -> None:
    images = draw(0.5, num=3, size_px=size_px)
    assert (images.shape, images.dtype) == ((3, size_px, size_px, 3), np.uint8)


def test_no_grades_give_no_images() -> None:
    assert draw(0.5, num=0).shape == (0, 32, 32, 3)


def test_stacks_of_more_than_a_chunk_have_no_image_twice() -> None:
    images = draw(0.5, num=CHUNK + 3, size_px=16)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == CHUNK + 3


def test_tissue_is_pink_and_purple() -> None:
    red, green, blue = draw(0.5).reshape(-1, 3).mean(axis=0)
    assert red > green
    assert blue > green


def test_larger_patches_have_nuclei_of_the_same_size() -> None:
    shares = [nuclear_share(draw(0.5, num=11, size_px=size)) for size in (32, 64)]
    assert shares[0] == pytest.approx(shares[1], rel=0.25)


def test_attributes_without_spread_lie_at_the_ends_of_their_ranges() -> None:
    drawn = draw_attributes(np.array([0.0, 1.0]), 0.0, np.random.default_rng(0))
    for name, ends in RANGES.items():
        assert getattr(drawn, name) == pytest.approx(ends)


def test_a_round_nucleus_has_the_area_of_its_circle() -> None:
    assert one_nucleus().sum() == pytest.approx(np.pi * 7**2, rel=0.02)


def test_an_elongated_nucleus_has_the_area_of_its_circle() -> None:
    assert one_nucleus(elongation=2.0, angle=0.7).sum() == pytest.approx(np.pi * 7**2, rel=0.03)


def test_a_nucleus_is_centred_where_it_lies() -> None:
    canvas = one_nucleus(y=13.3, x=25.8)
    y, x = np.mgrid[:41, :43]
    centre = ((canvas * y).sum() / canvas.sum(), (canvas * x).sum() / canvas.sum())
    assert centre == pytest.approx((13.3, 25.8), abs=0.05)


def test_a_nucleus_at_angle_zero_is_longer_across_than_down() -> None:
    covered = one_nucleus(elongation=3.0) > 0.5
    assert covered.any(axis=0).sum() > 2 * covered.any(axis=1).sum()


def test_a_nucleus_beyond_the_border_leaves_the_patch_empty() -> None:
    assert not one_nucleus(y=-30.0).any()


def test_open_chromatin_is_palest_in_the_middle() -> None:
    canvas = one_nucleus(clearing=0.5)
    assert canvas[20, 21] < canvas[20, 16]


def test_a_stack_without_nuclei_is_empty() -> None:
    none = {f: np.zeros(0) for f in Nuclei.__dataclass_fields__ if f != "image"}
    nuclei = Nuclei(image=np.zeros(0, np.int64), **none)
    assert not stamp_nuclei(nuclei, (2, 7, 11), np.random.default_rng(0)).any()


@pytest.mark.parametrize("sigma_px", [0.5, 3.0])
def test_smooth_noise_has_unit_variance(sigma_px: float) -> None:
    noise = smooth_noise((150, 23, 29), sigma_px, np.random.default_rng(0))
    assert float(noise.var()) == pytest.approx(1, rel=0.06)


def test_opposite_borders_of_smooth_noise_are_unrelated() -> None:
    noise = smooth_noise((200, 29, 31), 3.0, np.random.default_rng(0))
    assert abs(np.corrcoef(noise[:, 0].ravel(), noise[:, -1].ravel())[0, 1]) < 0.1
