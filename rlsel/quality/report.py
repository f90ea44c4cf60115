"""What is said of candidates in figures: their quality per class, and the risk of selecting them.

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
"""Images of a set in one comparison, whose cost grows with their square."""


@dataclass(frozen=True)
class Figures:
    """One set of images against a reference; NaN where a class has too few images."""

    frechet: float
    """Squared Fréchet distance; biased, so read it against the floor alone."""
    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class ClassQuality:
    """The candidates of a class, and in their place as many held-out real images (the floor)."""

    num_images: int
    """In each set that was compared, in every figure here; 0 where there were too few."""
    against_train: Figures
    train_floor: Figures
    """Real images that neither generator nor extractor has seen, against train. Candidates may
    beat it: by being copies, or as those images come from other patients."""
    against_held_out: Figures
    held_out_floor: Figures
    """One part of the held-out images against another."""


@dataclass(frozen=True)
class QualityReport:
    """Figures by class name, with what they were computed with."""

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
    """Distances of selected candidates against those not selected. Choosing what is typical lowers
    distances to all real images, seen or not, so this alone is no finding."""
    drawn_to_train: Closeness
    """`SpaceAudit.lean` of the same two: nearer to train than to as many unseen images? Its p-value
    is beside `lean_by_luck`: which images are in train favours some candidates by luck already."""
    pool_nearer_to_train: float
    selected_nearer_to_train: float
    """Share with a lean below 0.5."""


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
    """By name of the space; the first is that of the content, pixels for one, which decides."""

    @property
    def of_content(self) -> SpaceRisk:
        return next(iter(self.spaces.values()))

    @property
    def raised(self) -> bool:
        """Whether selecting raised the risk: more near-copies, or candidates drawn to train.

        Judged by content, such as pixels. An extractor fitted to train contracts it around its
        centroids, so in its features honest candidates near a centroid can lean to train as well.
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

    All arrays but the labels are features of one extractor. Every figure depends on the number of
    images, so within a class all sets compared are of one size: as many as there are candidates,
    training images, or half the held-out images, whichever is least, and `MOST_COMPARED` at most.
    Figures are means over `num_draws` draws of that many.

    An extractor fitted to train pulls the classes of train further apart than those of new images;
    its floor shares that, so only the difference to the floor is the candidates'.

    Args:
        prepare: What is done to the features of a draw before they are compared, such as scaling
            each to unit length; of all candidates it would take as much memory again.
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

    Selected candidates are compared with those left out rather than with the whole pool: it asks
    the same of two sets that share no image, as a rank test needs.
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


def describe_copies(audit: CopyAudit) -> str:
    """One line on a pool of which nothing is selected yet."""
    return (
        f"{int(audit.flagged.sum()):,} of {len(audit.flagged):,} candidates copy a training image; "
        f"of held-out real images {_share(audit.content.held_out_flagged):.2%} would be taken for "
        "copies"
    )


def describe_risk(risk: SelectionRisk) -> str:
    """One line for the terminal and the report."""
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
