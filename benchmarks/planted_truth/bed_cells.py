"""What is known of a bed without learning: ceiling, free scores, peers, and selections to compare.

Shape letters: N candidates, F inputs, D decisions, C classes.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from rlsel.evaluation.truth import batch_of_candidates
from rlsel.experiment.config import build_experiment
from rlsel.metrics import auc_binary
from rlsel.rewards import ProbeConfig
from rlsel.seeding import rng
from rlsel.selectors.peers import PEERS, PeerInputs, PeersConfig, score_candidates

from .beds import bed_configs, hash_of
from .learning import Prepared, prepare, settings_of
from .material import material
from .scoring import probe_scores
from .studies import DRAWS, studies

NUM_UNIFORM = 8
MODELS = {
    "logistic": LogisticRegression(max_iter=1000),
    "gradient boosting": HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05),
}


def bed_cells() -> Iterator[tuple[str, tuple[str, int]]]:
    """Key, and bed and draw."""
    settings = [settings_of({}, ("features",)), asdict(ProbeConfig()), asdict(PeersConfig())]
    for name, draw in _beds_and_draws():
        yield f"bed | {name} | {draw} | {hash_of(name, settings)}", (name, draw)


def order_cells() -> Iterator[tuple[str, tuple[str, int]]]:
    """The same, of beds that have good and bad candidates."""
    settings = settings_of({}, ("features",))
    for name, draw in _beds_and_draws():
        if 0 < sum(bed_configs()[name].shares.values()) < 1:
            yield f"order | {name} | {draw} | {hash_of(name, settings)}", (name, draw)


def _beds_and_draws() -> Iterator[tuple[str, int]]:
    targets = studies()["targets"]
    yield from ((name, draw) for draw in DRAWS for name in bed_configs())
    yield from ((name, draw) for draw in targets.draws for name in targets.beds)


def look_at_bed(name: str, draw: int) -> dict[str, Any]:
    """AUC against the truth of all that costs no rewards; probe scores of plain selections."""
    prepared = prepare(build_experiment({}, "defaults"), name, draw)
    useful_N = prepared.bed.useful_N
    found: dict[str, Any] = {"useful": float(useful_N.mean())}
    if 0 < useful_N.mean() < 1:
        found |= {
            "ceiling": ceilings(prepared),
            "free": {
                score: prepared.bed.auc(score_N)
                for score, score_N in prepared.table.free_scores.items()
            },
            "peers": _peers(prepared, draw),
        }
    return found | {"selections": _selections(prepared, draw)}


def look_at_order(name: str, draw: int) -> dict[str, float]:
    """AUC of batch and class alone, by the share of useful ones that the next draw has there."""
    here, other = (
        prepare(build_experiment({}, "defaults"), name, number) for number in (draw, draw + 1)
    )
    batch_N = batch_of_candidates(here.problem)
    score_N = _share_of_useful(other)[batch_N, here.problem.labels_N]
    return {"auc": here.bed.auc(score_N), "within_batches": here.bed.auc_within(score_N, batch_N)}


def _share_of_useful(prepared: Prepared) -> Float[np.ndarray, "d c"]:
    """Of the candidates of each batch and class, drawn a little to one half where they are few."""
    bed, problem = prepared.bed, prepared.problem
    batch_N, labels_N = batch_of_candidates(problem), problem.labels_N
    count_DC, useful_DC = np.zeros((2, problem.num_decisions, problem.num_classes))
    np.add.at(count_DC, (batch_N, labels_N), bed.decided_N)
    np.add.at(useful_DC, (batch_N, labels_N), bed.decided_N & bed.useful_N)
    return (useful_DC + 0.5) / (count_DC + 1)


def ceilings(prepared: Prepared) -> dict[str, float]:
    """AUC of models that are told the truth of other batches: what the inputs hold at most."""
    decided_N = prepared.bed.decided_N
    groups_N = batch_of_candidates(prepared.problem)[decided_N]
    useful_N = prepared.bed.useful_N[decided_N]
    folds = GroupKFold(prepared.problem.num_decisions)
    return {
        name: auc_binary(
            cross_val_predict(
                model,
                prepared.problem.descriptors_NF[decided_N],
                useful_N,
                groups=groups_N,
                cv=folds,
                method="predict_proba",
            )[:, 1],
            useful_N,
        )
        for name, model in MODELS.items()
    }


def _peers(prepared: Prepared, draw: int) -> dict[str, dict[str, float]]:
    bed = prepared.bed
    reward_val = material(bed.config.source).reward_val
    inputs = PeerInputs.of(bed.features, bed.real, reward_val, bed.candidates, PeersConfig())
    found = {}
    for name in PEERS:
        start = time.perf_counter()
        score_N = score_candidates(name, inputs, rng(draw, "peer", name))
        found[name] = {
            "auc": bed.auc(score_N),
            "seconds": round(time.perf_counter() - start, 2),
        }
    return found


def _selections(prepared: Prepared, draw: int) -> dict[str, dict[str, float]]:
    """Probe scores: real only, everything, the oracle, and half of the pool at random."""
    useful_N = prepared.bed.useful_N
    generator = rng(draw, "uniform")
    half_MN = np.zeros((NUM_UNIFORM, len(useful_N)), dtype=bool)
    for half_N in half_MN:
        half_N[generator.permutation(len(useful_N))[: len(useful_N) // 2]] = True
    masks_MN = np.vstack([np.zeros_like(useful_N), np.ones_like(useful_N), useful_N, half_MN])
    scores = probe_scores(prepared.bed, masks_MN)
    named = {"real_only": [0], "keep_all": [1], "oracle": [2], "uniform_half": range(3, 11)}
    return {
        name: {split: float(values_M[list(rows)].mean()) for split, values_M in scores.items()}
        for name, rows in named.items()
    }
