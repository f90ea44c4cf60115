"""Images of a trained generator: each follows from its class and its latent seed alone."""

import numpy as np
import pytest
import torch
from small_gan import SIZE, train

from rlsel.generators.candidates import make_candidates
from rlsel.generators.histogan.checkpoint import Checkpoint
from rlsel.generators.histogan.sampling import Sampler


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return train(tmp_path_factory.mktemp("gan")).checkpoint


def test_an_image_does_not_depend_on_those_made_beside_it(checkpoint: Checkpoint) -> None:
    sampler = Sampler(checkpoint, torch.device("cpu"))

    alone = sampler.images([7], np.array([1]))
    among = sampler.images([3, 7, 5], np.array([0, 1, 1]))

    assert alone.shape == (1, *SIZE, 3)
    assert np.abs(alone[0].astype(int) - among[1]).max() <= 1  # of 255: sums in another order


def test_noise_and_class_both_change_an_image(checkpoint: Checkpoint) -> None:
    images = Sampler(checkpoint, torch.device("cpu")).images([1, 1, 2], np.array([0, 1, 0]))

    assert (images[0] != images[1]).any()
    assert (images[0] != images[2]).any()


def test_candidates_are_so_many_of_each_class_and_name_their_origin(checkpoint: Checkpoint) -> None:
    pool = make_candidates(checkpoint, 13, seed=0)

    assert pool.candidates.counts == {"class 0": 13, "class 1": 13}
    assert pool.models is not None
    assert set(pool.models) == {checkpoint.model_hash}
    assert len(np.unique(pool.candidates.ids)) == 26
    assert (np.diff(pool.candidates.labels) != 0).sum() > 2, "the order tells the class"


def test_a_candidate_can_be_made_again_from_its_latent_seed(checkpoint: Checkpoint) -> None:
    pool = make_candidates(checkpoint, 13, seed=0)
    assert pool.latent_seeds is not None

    again = Sampler(checkpoint, torch.device("cpu")).images(
        [int(pool.latent_seeds[4])], pool.candidates.labels[4:5]
    )

    assert np.abs(again[0].astype(int) - pool.candidates.images[4]).max() <= 1


def test_with_more_of_them_the_first_candidates_are_the_same(checkpoint: Checkpoint) -> None:
    few, many = (make_candidates(checkpoint, num, seed=0) for num in (8, 13))

    assert set(few.candidates.ids) < set(many.candidates.ids)
    place = {name: i for i, name in enumerate(many.candidates.ids)}
    for image, name in zip(few.candidates.images, few.candidates.ids, strict=True):
        assert np.abs(image.astype(int) - many.candidates.images[place[name]]).max() <= 1


def test_a_class_alone_gets_the_candidates_it_has_beside_others(checkpoint: Checkpoint) -> None:
    alone = make_candidates(checkpoint, 8, seed=0, classes=("class 1",))

    assert alone.candidates.counts == {"class 0": 0, "class 1": 8}
    both = make_candidates(checkpoint, 8, seed=0)
    of_class_N = both.candidates.labels == 1
    assert set(alone.candidates.ids) == set(both.candidates.ids[of_class_N])
    one, other = (
        images.images[np.argsort(images.ids)]
        for images in (alone.candidates, both.take(of_class_N).candidates)
    )
    assert np.abs(one.astype(int) - other).max() <= 1  # of 255: sums in another order


def test_another_seed_makes_other_candidates(checkpoint: Checkpoint) -> None:
    one, other = (make_candidates(checkpoint, 8, seed) for seed in (0, 1))

    assert one.latent_seeds is not None
    assert other.latent_seeds is not None
    assert not set(one.latent_seeds) & set(other.latent_seeds)
