"""From the table of candidates to the problem the environment is handed."""

import numpy as np
from jaxtyping import Float

from envs import SelectionProblem
from rlsel.features.candidates import CandidateTable
from rlsel.features.config import FeaturesConfig, Input
from rlsel.features.extract import Features
from rlsel.features.sharding import cut_into_shards

NUM_COMPONENTS = 16
"""Principal components of the input `principal_components`."""


def build_problem(
    config: FeaturesConfig,
    features: Features,
    table: CandidateTable,
    num_classes: int,
    rng: np.random.Generator,
) -> SelectionProblem:
    """Sort the pool, cut it into batches, and standardise what the controller sees."""
    sort_key_N = {
        "own_distance": table.own_distance,
        "label_free": np.minimum(table.own_distance, table.other_distance),
        "random": rng.random(len(table.labels)),
    }[config.order]
    batches_DK, num_shards = cut_into_shards(
        sort_key_N, table.labels, config.num_batches, config.max_batch_size, rng
    )
    columns = {name: _columns(name, features, table, num_classes) for name in config.inputs}
    names = tuple(
        name if block.shape[1] == 1 else f"{name}_{i}"
        for name, block in columns.items()
        for i in range(block.shape[1])
    )
    return SelectionProblem(
        batches_DK=batches_DK,
        descriptors_NF=standardise(np.concatenate(list(columns.values()), axis=1)),
        labels_N=table.labels,
        num_classes=num_classes,
        descriptor_names=names,
        context=config.context,
        num_shards=num_shards,
    )


def standardise(x_NF: Float[np.ndarray, "n f"]) -> Float[np.ndarray, "n f"]:
    """Zero mean and unit variance over the pool; a constant column becomes zero."""
    centred_NF = x_NF - x_NF.mean(axis=0)
    scale_F = x_NF.std(axis=0)
    return (centred_NF / np.where(scale_F > 1e-8, scale_F, 1.0)).astype(np.float32)


def principal_components(x_NF: Float[np.ndarray, "n f"], num: int) -> Float[np.ndarray, "n p"]:
    """Coordinates of the rows along their `num` directions of largest variance."""
    centred_NF = x_NF - x_NF.mean(axis=0)
    u_NP, s_P, _ = np.linalg.svd(centred_NF, full_matrices=False)
    return u_NP[:, :num] * s_P[:num]


def _columns(
    name: Input, features: Features, table: CandidateTable, num_classes: int
) -> Float[np.ndarray, "n p"]:
    if name == "class":
        return np.eye(num_classes)[table.labels]
    if name == "features":
        return features.candidates
    if name == "principal_components":
        return principal_components(features.candidates, NUM_COMPONENTS)
    return getattr(table, name)[:, None]
