"""Precision, recall, density and coverage against loops by hand and against what is expected."""

import numpy as np
import pytest

from rlsel.quality import manifold
from rlsel.quality.manifold import Manifold, compare_manifolds

RNG = np.random.default_rng(0)
CANDIDATES_NF = RNG.standard_normal((31, 3)) + 0.5
REAL_MF = RNG.standard_normal((43, 3))


@pytest.fixture(autouse=True)
def the_same_draws_whichever_tests_run() -> None:
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state


def naive_radius(images: np.ndarray, i: int, k: int) -> float:
    others = [np.linalg.norm(images[i] - other) for j, other in enumerate(images) if j != i]
    return float(sorted(others)[k - 1])


def naive_manifold(candidates: np.ndarray, real: np.ndarray, k: int) -> Manifold:
    balls = [(x, naive_radius(real, j, k)) for j, x in enumerate(real)]
    candidate_balls = [(y, naive_radius(candidates, i, k)) for i, y in enumerate(candidates)]
    inside = [[np.linalg.norm(y - x) <= radius for x, radius in balls] for y in candidates]
    recalled = [any(np.linalg.norm(y - x) <= radius for y, radius in candidate_balls) for x in real]
    return Manifold(
        precision=float(np.mean([any(row) for row in inside])),
        recall=float(np.mean(recalled)),
        density=float(np.sum(inside) / k / len(candidates)),
        coverage=float(np.mean([any(column) for column in zip(*inside, strict=True)])),
    )


@pytest.mark.parametrize("k", [1, 3, 5, 30])
def test_the_figures_are_those_of_a_naive_loop(k: int) -> None:
    found = compare_manifolds(CANDIDATES_NF, REAL_MF, k)

    assert vars(found) == pytest.approx(vars(naive_manifold(CANDIDATES_NF, REAL_MF, k)))


def test_float32_far_from_the_origin_is_no_trouble() -> None:
    candidates_NF, real_MF = ((x + 50).astype(np.float32) for x in (CANDIDATES_NF, REAL_MF))

    found = compare_manifolds(candidates_NF, real_MF)

    expected = naive_manifold(candidates_NF.astype(float), real_MF.astype(float), 5)
    assert vars(found) == pytest.approx(vars(expected))


def test_recall_is_precision_with_the_roles_swapped() -> None:
    there, back = (
        compare_manifolds(CANDIDATES_NF, REAL_MF),
        compare_manifolds(REAL_MF, CANDIDATES_NF),
    )

    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_comparing_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compare_manifolds(CANDIDATES_NF, REAL_MF)

    monkeypatch.setattr(manifold, "WORKING_MEMORY_MIB", 0.001)  # three candidates at once

    assert compare_manifolds(CANDIDATES_NF, REAL_MF) == whole


def test_copies_of_the_real_images_are_in_every_ball_out_to_its_rim() -> None:
    """Each real ball holds its own image and k more: a density of (k + 1) / k."""
    found = compare_manifolds(REAL_MF[::-1], REAL_MF, 5)

    assert vars(found) == pytest.approx(
        {"precision": 1, "recall": 1, "density": 1.2, "coverage": 1}
    )


def test_sets_far_apart_share_nothing() -> None:
    assert set(vars(compare_manifolds(CANDIDATES_NF + 1e3, REAL_MF)).values()) == {0.0}


def test_candidates_that_are_all_alike_are_precise_and_cover_little() -> None:
    one_mode_NF = REAL_MF[:1] + 1e-3 * RNG.standard_normal((31, 3))

    found = compare_manifolds(one_mode_NF, REAL_MF)

    assert found.precision == 1
    assert found.recall < 0.1
    assert found.coverage < 0.3


def test_candidates_from_the_real_distribution_have_the_expected_density_and_coverage() -> None:
    """Naeem et al. 2020, section 3: the expectations hold for every distribution."""
    n, m, k = 29, 37, 3
    figures = [
        compare_manifolds(RNG.standard_normal((n, 5)), RNG.standard_normal((m, 5)), k)
        for _ in range(200)
    ]

    missed = np.prod([(m - i) / (n + m - i) for i in range(1, k + 1)])
    assert np.mean([f.coverage for f in figures]) == pytest.approx(1 - missed, abs=0.01)
    assert np.mean([f.density for f in figures]) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("change", [lambda x: 3 * x, lambda x: x - 1e7, lambda x: x[:, ::-1]])
def test_scale_place_and_order_of_the_features_do_not_matter(change) -> None:
    changed = compare_manifolds(change(CANDIDATES_NF), change(REAL_MF))

    assert changed == compare_manifolds(CANDIDATES_NF, REAL_MF)


@pytest.mark.parametrize(("n", "m"), [(5, 43), (31, 5)])
def test_as_few_images_as_neighbours_are_refused(n: int, m: int) -> None:
    with pytest.raises(ValueError, match="5 neighbours need more images than 5"):
        compare_manifolds(CANDIDATES_NF[:n], REAL_MF[:m])
