"""From the table of candidates to the `SelectionProblem` for the environment."""

import numpy as np
from jaxtyping import Float

from envs import SelectionProblem
from rlsel.features.candidates import CandidateTable
from rlsel.features.config import FeaturesConfig, Input
from rlsel.features.extract import Features
from rlsel.features.sharding import cut_into_shards
from rlsel.heads.components import mean_and_directions, project
from rlsel.machine.mapped import row_blocks

NUM_COMPONENTS = 16
"""Number of components in the input `principal_components`."""


def build_problem(
    config: FeaturesConfig,
    features: Features,
    table: CandidateTable,
    num_classes: int,
    rng: np.random.Generator,
) -> SelectionProblem:
    """Sort the pool, cut it into batches, and standardise the inputs of the controller."""
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
        descriptors_NF=np.concatenate([standardise(x) for x in columns.values()], axis=1),
        labels_N=table.labels,
        num_classes=num_classes,
        descriptor_names=names,
        context=config.context,
        num_shards=num_shards,
    )


def standardise(x_NF: Float[np.ndarray, "n f"]) -> Float[np.ndarray, "n f"]:
    """Zero mean and unit variance over the pool; a constant column becomes zero."""
    mean_F = x_NF.mean(axis=0, dtype=np.float64)
    squares_F = sum(((x_NF[part] - mean_F) ** 2).sum(axis=0) for part in row_blocks(x_NF))
    std_F = np.sqrt(squares_F / len(x_NF))
    scale_F = np.where(std_F > 1e-8, std_F, 1.0)
    standardised_NF = np.empty(x_NF.shape, np.float32)
    for part in row_blocks(x_NF):
        standardised_NF[part] = (x_NF[part] - mean_F) / scale_F
    return standardised_NF


def principal_components(x_NF: Float[np.ndarray, "n f"], num: int) -> Float[np.ndarray, "n p"]:
    """Coordinates of the rows along their `num` directions of largest variance."""
    mean_F, directions_FP, _ = mean_and_directions([x_NF], num)
    return project(x_NF, mean_F, directions_FP)


def _columns(
    name: Input, features: Features, table: CandidateTable, num_classes: int
) -> Float[np.ndarray, "n p"]:
    if name == "class":
        return np.eye(num_classes)[table.labels]
    if name == "features":
        return features.candidates
    if name == "principal_components":
        return principal_components(features.candidates, NUM_COMPONENTS)
    column_N = getattr(table, name)
    if column_N is None:
        raise ValueError(f"{name} is an input, but the table was made without it")
    return column_N[:, None]
