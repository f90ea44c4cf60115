"""Pools whose truth is known, each with what a controller needs to learn on it.

Shape letters: N candidates, R images of the reserve, C classes.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter
from torch import Tensor

from rlsel.data import ImageSet, Splits
from rlsel.data.stratify import apportion, draw
from rlsel.evaluation.truth import auc_within_batches
from rlsel.experiment.yaml_files import read_yaml
from rlsel.features import Features
from rlsel.features.centroids import class_centroids, cosine_distances
from rlsel.metrics import auc_binary
from rlsel.rewards import RewardConfig, Workbench
from rlsel.schema import config
from rlsel.seeding import derive_seed, rng

from .faults import KINDS
from .material import Depth, Source, looks, material, others_extractor, train_extractor

BEDS_FILE = Path(__file__).parent / "beds.yaml"
GOOD = "good"
WRONG = "wrong_label"


@config
class BedConfig:
    """One bed. Every draw of it has real images and candidates of its own."""

    shares: dict[str, float] = field(default_factory=lambda: {WRONG: 0.5})
    """Kind -> share of the candidates; the rest is good."""
    source: Source = "pcam"
    num_candidates: int = 1024
    num_real: int = 100
    stratified: float = 0.0
    """Share of the wrong labels as near to the centroid of their label as right ones are."""
    seen_by: Literal["others", "real"] = "others"
    """What the extractor was trained on."""
    depth: Depth = "deep"
    class_shares: tuple[float, ...] | None = None
    """Of the candidates' labels and the real images; None is balanced."""
    undecided: tuple[str, ...] = ()
    """Kinds of which full training does not say whether they are any use (fault_truth.json): they
    are left out of the truth."""


@dataclass(frozen=True)
class Bed:
    """A draw of a bed."""

    config: BedConfig
    real: ImageSet
    candidates: ImageSet
    kinds_N: np.ndarray
    useful_N: np.ndarray
    decided_N: np.ndarray
    """Whether there is a truth about a candidate's kind; where there is none it counts as useful in
    selections, and in no AUC."""
    features: Features
    test_features: np.ndarray

    def auc(self, score_N: np.ndarray) -> float:
        """Of a score, against the truth where there is one."""
        return auc_binary(score_N[self.decided_N], self.useful_N[self.decided_N])

    def auc_within(self, score_N: np.ndarray, batch_N: np.ndarray) -> float:
        """The same inside of batches."""
        of_decided = (values_N[self.decided_N] for values_N in (score_N, self.useful_N, batch_N))
        return auc_within_batches(*of_decided)

    def workbench(self, reward: RewardConfig) -> Workbench:
        """For probes, and for finetuning where the extractor has seen others."""
        given = material(self.config.source)
        weights: dict[str, Tensor] = {}
        if reward.fidelity == "finetune":
            weights = dict(others_extractor(self.config.source, "deep").model.state_dict())
        splits = Splits(self.real, given.reward_val, given.selection_val, given.test)
        return Workbench.of(
            splits, self.candidates, [self.features], given.classifier, reward, weights
        )


@cache
def bed_configs() -> dict[str, BedConfig]:
    """Name -> bed, from `beds.yaml`."""
    return TypeAdapter(dict[str, BedConfig]).validate_python(read_yaml(BEDS_FILE), strict=False)


def hash_of(bed_name: str, settings: Any) -> str:
    """Of the settings of a bed and of what else a cell depends on; the end of its key.

    Args:
        settings: JSON values.
    """
    content = json.dumps([asdict(bed_configs()[bed_name]), settings], sort_keys=True)
    return blake2b(content.encode(), digest_size=6).hexdigest()


@cache
def build_bed(name: str, draw_number: int) -> Bed:
    """Draw real images and candidates, spoil some, look at all of them."""
    bed = bed_configs()[name]
    given = material(bed.source)
    generator = rng(derive_seed(0, "bed", bed.source, bed.num_real), "draw", draw_number)
    real_R, left_R = _draw_real(given.reserve, bed, generator)
    real = given.reserve.take(real_R)
    plan = _plan(bed, given.reserve.num_classes, generator)
    rows_N = _choose(bed, plan, left_R, real_R, generator)
    order_N = generator.permutation(len(rows_N))
    labels_N, kinds_N, rows_N = plan.labels_N[order_N], plan.kinds_N[order_N], rows_N[order_N]
    clean = given.reserve.take(rows_N)
    images = _spoil(clean, kinds_N, labels_N, generator)
    candidates = replace(
        clean, images=images, labels=labels_N, ids=np.char.add("planted/", clean.ids)
    )
    features, test_features = _look(bed, real, real_R, candidates, rows_N, kinds_N, draw_number)
    decided_N = ~np.isin(kinds_N, bed.undecided)
    useful_N = (kinds_N == GOOD) | ~decided_N
    return Bed(bed, real, candidates, kinds_N, useful_N, decided_N, features, test_features)


@dataclass(frozen=True)
class _Plan:
    """Given label, true label and kind of every candidate, not shuffled yet."""

    labels_N: np.ndarray
    true_N: np.ndarray
    kinds_N: np.ndarray


def _draw_real(
    reserve: ImageSet, bed: BedConfig, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    if bed.class_shares is None:
        return draw(reserve.labels, bed.num_real, generator)
    drawn = [
        generator.permutation(np.flatnonzero(reserve.labels == label))[:number]
        for label, number in enumerate(apportion(np.array(bed.class_shares), bed.num_real))
    ]
    rows = np.sort(np.concatenate(drawn))
    return rows, np.setdiff1d(np.arange(len(reserve)), rows)


def _plan(bed: BedConfig, num_classes: int, generator: np.random.Generator) -> _Plan:
    weights_C = np.array(bed.class_shares or [1.0] * num_classes)
    shares = np.array([1 - sum(bed.shares.values()), *bed.shares.values()]).clip(0)
    names = (GOOD, *bed.shares)
    labels, true, kinds = [], [], []
    for label, count in enumerate(apportion(weights_C, bed.num_candidates)):
        # Exactly: a share of nothing must get nothing.
        numbers = np.diff(np.round(np.concatenate(([0], shares.cumsum())) * count).astype(int))
        of_label = np.repeat(names, numbers)
        turn = generator.integers(1, num_classes, count) * (of_label == WRONG)
        labels.append(np.full(count, label))
        true.append((label + turn) % num_classes)
        kinds.append(of_label)
    return _Plan(np.concatenate(labels), np.concatenate(true), np.concatenate(kinds))


def _choose(
    bed: BedConfig,
    plan: _Plan,
    left_R: np.ndarray,
    real_R: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """A row of the reserve for every candidate, none twice."""
    given = material(bed.source)
    left_R = generator.permutation(left_R)
    rows_N = np.full(len(plan.labels_N), -1)
    is_matched_N = (plan.kinds_N == WRONG) & (generator.random(len(rows_N)) < bed.stratified)
    taken = np.zeros(len(given.reserve), dtype=bool)
    for true in np.unique(plan.true_N):
        wanted_N = (plan.true_N == true) & ~is_matched_N
        members = left_R[given.reserve.labels[left_R] == true]
        rows_N[wanted_N] = members[: wanted_N.sum()]
    taken[rows_N[rows_N >= 0]] = True
    if is_matched_N.any():
        _match_distances(bed, plan, is_matched_N, rows_N, left_R[~taken[left_R]], real_R)
    return rows_N


def _match_distances(
    bed: BedConfig,
    plan: _Plan,
    is_matched_N: np.ndarray,
    rows_N: np.ndarray,
    free_R: np.ndarray,
    real_R: np.ndarray,
) -> None:
    """Give each wrong label an image that lies from its centroid as far as a right one does."""
    seen, reserve = looks(bed.source, bed.depth), material(bed.source).reserve
    centroids_CF = class_centroids(
        seen.reserve[real_R], reserve.labels[real_R], reserve.num_classes
    )
    distance_RC = cosine_distances(seen.reserve, centroids_CF)
    for label in np.unique(plan.labels_N):
        right = rows_N[(plan.kinds_N == GOOD) & (plan.labels_N == label)]
        wanted = np.flatnonzero(is_matched_N & (plan.labels_N == label))
        targets = np.resize(np.sort(distance_RC[right, label]), len(right))
        targets = np.quantile(targets, (np.arange(len(wanted)) + 0.5) / max(len(wanted), 1))
        # From the middle outwards: the ends of the range are scarce among wrong ones anyway.
        for place, target in zip(wanted, targets, strict=True):
            fitting = np.flatnonzero(reserve.labels[free_R] == plan.true_N[place])
            nearest = fitting[np.abs(distance_RC[free_R[fitting], label] - target).argmin()]
            rows_N[place] = free_R[nearest]
            free_R = np.delete(free_R, nearest)


def _spoil(
    clean: ImageSet, kinds_N: np.ndarray, labels_N: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    images_NHW3 = clean.images.copy()
    for kind in np.unique(kinds_N):
        if kind in (GOOD, WRONG):
            continue
        of_kind = np.flatnonzero(kinds_N == kind)
        made = KINDS[kind](clean.take(of_kind), clean.take(of_kind), generator)
        if not np.array_equal(made.labels_N, labels_N[of_kind]):
            raise ValueError(f"{kind} changes labels; a bed gives its own")
        images_NHW3[of_kind] = made.images_NHW3
    return images_NHW3


def _look(
    bed: BedConfig,
    real: ImageSet,
    real_R: np.ndarray,
    candidates: ImageSet,
    rows_N: np.ndarray,
    kinds_N: np.ndarray,
    draw_number: int,
) -> tuple[Features, np.ndarray]:
    given = material(bed.source)
    if bed.seen_by == "real":
        extractor = train_extractor(real, given.classifier, bed.depth, draw_number)
        sets = (real, candidates, given.reward_val, given.selection_val, given.test)
        seen = [extractor.look_at(images) for images in sets]
        (train, _), (of_candidates, logits), (reward_val, _), (selection_val, _), (test, _) = seen
        return Features(train, of_candidates, reward_val, selection_val, logits), test
    known = looks(bed.source, bed.depth)
    of_candidates, logits = known.reserve[rows_N].copy(), known.reserve_logits[rows_N].copy()
    changed = ~np.isin(kinds_N, (GOOD, WRONG))
    if changed.any():
        extractor = others_extractor(bed.source, bed.depth)
        of_candidates[changed], logits[changed] = extractor.look_at(
            candidates.take(np.flatnonzero(changed))
        )
    features = Features(
        known.reserve[real_R], of_candidates, known.reward_val, known.selection_val, logits
    )
    return features, known.test
