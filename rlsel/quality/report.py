"""Figures on candidates: their quality per class, and the risk that a selection prefers copies.

Shape letters: N candidates, M training images, H held-out real images, F size of a feature.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import hypergeom, norm

from rlsel.machine.progress import track
from rlsel.quality.closeness import Closeness, compare_closeness
from rlsel.quality.copies import CopyAudit, SpaceAudit
from rlsel.quality.frechet import frechet_distance
from rlsel.quality.manifold import compare_manifolds

SIGNIFICANT = 0.01
MOST_COMPARED = 2048
"""Most images of a set in one comparison, because the cost grows with their square."""


@dataclass(frozen=True)
class Figures:
    """Figures of one set of images against a reference; NaN if a class has too few images."""

    frechet: float
    """Squared Fréchet distance. It is biased, so compare it only with that of the floor."""
    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class ClassQuality:
    """Figures of the candidates of a class, and of as many held-out real images (the floor)."""

    num_images: int
    """Images in each compared set, the same for all figures here; 0 if there were too few."""
    against_train: Figures
    train_floor: Figures
    """Held-out real images, which neither generator nor extractor has seen, against train.
    Candidates may beat this floor: because they are copies, or because the held-out images come
    from other patients."""
    against_held_out: Figures
    held_out_floor: Figures
    """One part of the held-out images against another."""


@dataclass(frozen=True)
class QualityReport:
    """Figures by class name, with the settings of the computation."""

    classes: dict[str, ClassQuality]
    num_neighbours: int
    num_draws: int

    def as_json(self) -> dict[str, dict[str, dict[str, float] | int]]:
        """Class -> field of `ClassQuality` -> figures, plain numbers only; NaN where unknown."""
        return {name: asdict(quality) for name, quality in self.classes.items()}


@dataclass(frozen=True)
class SpaceRisk:
    """How close a selection and its pool come to train in one space."""

    pool_to_held_out: Closeness
    """Distances of the pool against those of held-out images: does the generator copy?"""
    selected_to_held_out: Closeness
    selected_to_rest: Closeness
    """Distances of selected candidates against those not selected. Choosing typical candidates
    lowers the distances to all real images, seen or not, so a difference here proves nothing."""
    drawn_to_train: Closeness
    """`SpaceAudit.lean` of selected candidates against that of the rest: are they nearer to train
    than to as many unseen images? The p-value is computed from `lean_by_luck`, because the random
    choice of the images in train already favours some candidates."""
    pool_nearer_to_train: float
    selected_nearer_to_train: float
    """Share of selected candidates with a lean below 0.5."""


@dataclass(frozen=True)
class SelectionRisk:
    """Near-copies and closeness of a selection beside its pool and held-out images."""

    num_selected: int
    selected_flagged: float
    pool_flagged: float
    held_out_flagged: float
    """Shares in [0, 1]."""
    flagged_p_value: float
    """Chance that a random selection of this size holds as many near-copies or more."""
    spaces: dict[str, SpaceRisk]
    """By name of the space. The first space is that of the content, such as pixels; it decides."""

    @property
    def of_content(self) -> SpaceRisk:
        return next(iter(self.spaces.values()))

    @property
    def raised(self) -> bool:
        """Whether selecting raised the risk: more near-copies, or candidates drawn to train.

        The content, such as pixels, decides. An extractor fitted to train pulls the training images
        towards their centroids, so in its features candidates near a centroid can lean to train
        without being copies.
        """
        p_values = (self.flagged_p_value, self.of_content.drawn_to_train.p_value)
        return any(p < SIGNIFICANT / len(p_values) for p in p_values)


Members = tuple[np.ndarray, np.ndarray]
"""Features (n, f) of all classes, and the rows (m,) of one class."""


def judge(
    *,
    candidates: Float[np.ndarray, "n f"],
    candidate_labels: Int[np.ndarray, " n"],
    train: Float[np.ndarray, "m f"],
    train_labels: Int[np.ndarray, " m"],
    held_out: Float[np.ndarray, "h f"],
    held_out_labels: Int[np.ndarray, " h"],
    class_names: Sequence[str],
    rng: np.random.Generator,
    num_neighbours: int = 5,
    num_draws: int = 5,
    prepare: Callable[[np.ndarray], np.ndarray] = lambda features_NF: features_NF,
) -> QualityReport:
    """Fréchet distance, precision, recall, density and coverage per class.

    All arrays except the labels are features of one extractor. Every figure depends on the number
    of images, so within a class all compared sets have one size: the smallest of the number of
    candidates, of training images, and of half the held-out images, and at most `MOST_COMPARED`.
    Figures are means over `num_draws` draws of that size.

    An extractor fitted to train separates the classes of train more than those of new images. The
    floor is affected in the same way, so only the difference to the floor describes the candidates.

    Args:
        prepare: What is done to the features of a draw before they are compared, such as scaling
            each to unit length. Doing it to all candidates would take as much memory again.
    """
    labelled = (
        (candidates, candidate_labels),
        (train, train_labels),
        (held_out, held_out_labels),
    )
    classes = {}
    for c, name in enumerate(track(class_names, "quality of candidates", len(class_names))):
        classes[name] = _judge_class(
            *((features_NF, np.flatnonzero(labels_N == c)) for features_NF, labels_N in labelled),
            prepare=prepare,
            rng=rng,
            num_neighbours=num_neighbours,
            num_draws=num_draws,
        )
    return QualityReport(classes, num_neighbours, num_draws)


def selection_risk(audit: CopyAudit, selected: Bool[np.ndarray, " n"]) -> SelectionRisk:
    """Does the selection hold more near-copies than its pool, or lie closer to train?

    Selected candidates are compared with those left out and not with the whole pool, because a rank
    test needs two sets that share no image.
    """
    labels_N, held_out_labels_H = audit.labels, audit.held_out_labels

    def to_rest(values_N: np.ndarray) -> Closeness:
        halves = ((values_N[mask], labels_N[mask]) for mask in (selected, ~selected))
        return compare_closeness(*(array for half in halves for array in half))

    def drawn_to_train(space: SpaceAudit) -> Closeness:
        chance = to_rest(space.lean).chance_closer
        by_luck = [to_rest(lean_N).chance_closer for lean_N in space.lean_by_luck]
        z_score = (chance - np.mean(by_luck)) / max(float(np.std(by_luck, ddof=1)), 1e-12)
        return Closeness(chance, float(norm.sf(z_score)))

    spaces = {}
    for name, space in audit.spaces.items():
        distance_N, lean_N = space.candidates.distance, space.lean
        unseen = (space.held_out.distance, held_out_labels_H)
        spaces[name] = SpaceRisk(
            pool_to_held_out=compare_closeness(distance_N, labels_N, *unseen),
            selected_to_held_out=compare_closeness(
                distance_N[selected], labels_N[selected], *unseen
            ),
            selected_to_rest=to_rest(distance_N),
            drawn_to_train=drawn_to_train(space),
            pool_nearer_to_train=_share(lean_N < 0.5),
            selected_nearer_to_train=_share(lean_N[selected] < 0.5),
        )
    counts = (len(selected), int(audit.flagged.sum()), int(selected.sum()))
    return SelectionRisk(
        num_selected=int(selected.sum()),
        selected_flagged=audit.share_flagged(selected),
        pool_flagged=audit.share_flagged(),
        held_out_flagged=_share(audit.content.held_out_flagged),
        flagged_p_value=float(hypergeom.sf(audit.flagged[selected].sum() - 1, *counts)),
        spaces=spaces,
    )


def describe_copies(audit: CopyAudit, noun: str = "image") -> str:
    """One line on the near-copies in a pool, before any selection. `noun` is that of a sample."""
    return (
        f"{int(audit.flagged.sum()):,} of {len(audit.flagged):,} candidates copy a training "
        f"{noun}; of held-out real {noun}s {_share(audit.content.held_out_flagged):.2%} would be "
        "taken for copies"
    )


def describe_risk(risk: SelectionRisk) -> str:
    """One line on a selection, for the terminal and the report."""
    content = risk.of_content
    return (
        f"selecting {'raised' if risk.raised else 'did not raise'} the risk of copies: "
        f"{risk.selected_flagged:.2%} of {risk.num_selected:,} selected are near-copies (pool "
        f"{risk.pool_flagged:.2%}, held-out real images {risk.held_out_flagged:.2%}, p = "
        f"{risk.flagged_p_value:.2g}), and {content.selected_nearer_to_train:.1%} are nearer to "
        f"train than to as many unseen images (pool {content.pool_nearer_to_train:.1%}, p = "
        f"{content.drawn_to_train.p_value:.2g})"
    )


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if len(mask) else float("nan")


def _judge_class(
    candidates: Members,
    train: Members,
    held_out: Members,
    *,
    prepare: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    num_neighbours: int,
    num_draws: int,
) -> ClassQuality:
    counts = (len(rows) for _, rows in (candidates, train))
    num = min(*counts, len(held_out[1]) // 2, MOST_COMPARED)
    if num <= num_neighbours:
        unknown = Figures(*[float("nan")] * len(fields(Figures)))
        return ClassQuality(0, unknown, unknown, unknown, unknown)
    draws = []
    for _ in range(num_draws):
        drawn, seen = (
            prepare(features_NF[rng.permutation(rows)[:num]])
            for features_NF, rows in (candidates, train)
        )
        features_HF, rows_H = held_out
        order_H = rng.permutation(rows_H)
        floor, unseen = (
            prepare(features_HF[rows]) for rows in (order_H[:num], order_H[num : 2 * num])
        )
        pairs = ((drawn, seen), (floor, seen), (drawn, unseen), (floor, unseen))
        draws.append([_compare(one, reference, num_neighbours) for one, reference in pairs])
    return ClassQuality(num, *(_mean(figures) for figures in zip(*draws, strict=True)))


def _compare(one_NF: np.ndarray, reference_MF: np.ndarray, num_neighbours: int) -> Figures:
    manifold = compare_manifolds(one_NF, reference_MF, num_neighbours)
    return Figures(frechet_distance(one_NF, reference_MF), **asdict(manifold))


def _mean(draws: Sequence[Figures]) -> Figures:
    names = [field.name for field in fields(Figures)]
    return Figures(*(float(np.mean([getattr(draw, name) for draw in draws])) for name in names))
