"""`selection.parquet`: one row per candidate, with all values on which the selection was based."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rlsel.data.sources.paths import SELECTION
from rlsel.errors import InputError
from rlsel.features import CandidateTable
from rlsel.machine.atomic_files import replacing
from rlsel.pool import Pool
from rlsel.selectors.selection import Selection

FILE_NAME = SELECTION


def write_selection(
    run_dir: Path,
    pool: Pool,
    table: CandidateTable,
    batch_N: np.ndarray,
    selection: Selection,
    learned: Selection | None,
    nearest_train: np.ndarray | None = None,
) -> None:
    """Write the final selection of a run.

    Args:
        learned: That of the controller, for its keep probabilities; None if nothing was learned.
        nearest_train: (n,) id of the training sample that is most similar to each candidate, by
            pixels or by the angle of embeddings.
    """
    names = np.array(pool.candidates.class_names)
    columns = {
        "candidate_id": pool.candidates.ids.astype(str),
        "class": names[pool.candidates.labels],
        "batch": batch_N,
        "distance": table.own_distance.astype(np.float64),
        "nearest_other_distance": table.other_distance.astype(np.float64),
        "knn_label_agreement": table.knn_label_agreement.astype(np.float64),
        "label_log_probability": table.label_log_probability.astype(np.float64),
        "margin": table.margin.astype(np.float64),
        "head_log_probability": table.head_log_probability.astype(np.float64),
        "nearest_real": table.nearest_real.astype(np.float64),
        "nearest_other_class": table.nearest_other_class.astype(np.float64),
        "nearest_train": [None] * len(pool) if nearest_train is None else nearest_train.astype(str),
        "nearest_candidate": [None] * len(pool)
        if table.nearest_candidate is None
        else table.nearest_candidate.astype(np.float64),
        "keep_probability": [None] * len(pool) if learned is None else learned.score_N,
        "kept": selection.kept_N,
        "kind": [None] * len(pool) if pool.kinds is None else pool.kinds.astype(str),
        "useful": [None] * len(pool) if pool.useful is None else pool.useful,
    }
    types = {
        "nearest_candidate": pa.float64(),
        "keep_probability": pa.float64(),
        "nearest_train": pa.string(),
        "kind": pa.string(),
        "useful": pa.bool_(),
    }
    arrays = {name: pa.array(values, type=types.get(name)) for name, values in columns.items()}
    metadata = {"method": selection.method, "class_names": "\n".join(pool.candidates.class_names)}
    content = pa.table(arrays).replace_schema_metadata(metadata)
    with replacing(run_dir / FILE_NAME) as temporary:
        pq.write_table(content, temporary)


def read_selection(run_dir: Path) -> pa.Table:
    """Read `selection.parquet`.

    Raises:
        InputError: the run has no such file yet.
    """
    path = run_dir / FILE_NAME
    if not path.exists():
        raise InputError(f"{run_dir}: has no {FILE_NAME} yet; is the run finished?")
    return pq.read_table(path)


def selection_of(run_dir: Path) -> Selection:
    """The final selection of a run, from its file."""
    content = read_selection(run_dir)
    method = (content.schema.metadata or {}).get(b"method", b"").decode()
    kept_N = np.array(content.column("kept").to_pylist(), dtype=bool)
    probabilities = content.column("keep_probability").to_pylist()
    is_learned = method == "controller" and None not in probabilities
    score_N = np.array(probabilities, dtype=np.float64) if is_learned else None
    return Selection(method, kept_N[None], score_N)
