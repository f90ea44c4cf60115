"""A finished run folder made of synthetic numbers, for the tests and for looking at the page.

`python tests/reporting/fake_run.py FOLDER` writes one, with its report.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rlsel.reporting import write_report
from rlsel.runs.contact_sheets import save_contact_sheets
from rlsel.runs.record import FreeSets, Record, TriedSet, describe_device, installed_versions

NUM_PER_CLASS = 256
METHODS = {
    "real_only": 0.712, "keep_all": 0.701, "uniform": 0.716, "centroid": 0.724,
    "controller": 0.739, "oracle": 0.752,
}  # fmt: skip


CHOSEN_ITERATION = 60.0
"""Not the one with the highest selection-val."""


def write_fake_run(
    run_dir: Path,
    class_names: tuple[str, ...] = ("normal", "tumour"),
    *,
    has_truth: bool = True,
    has_controller: bool = True,
    num_rounds: int = 3,
    num_per_class: int = NUM_PER_CLASS,
    image_px: int = 32,
) -> Record:
    """Write everything a run leaves behind except the report, and return its record."""
    rng = np.random.default_rng(7)
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "config.yaml").write_text(CONFIG)
    kept_N = _write_selection(
        run_dir, class_names, num_per_class, has_truth, has_controller, image_px, rng
    )
    if has_controller:
        _write_iterations(run_dir, class_names, rng)
    methods: dict[str, float] = {m: s for m, s in METHODS.items() if has_truth or m != "oracle"}
    if not has_controller:
        del methods["controller"]
    record = _record(methods, num_rounds, int(kept_N.sum()), len(kept_N), has_truth, rng)
    record.write(run_dir)
    return record


def _free_sets() -> FreeSets:
    """The best is .625 of the pool by kNN label agreement."""

    def tried(score: str, fraction: float, worth: float) -> TriedSet:
        return TriedSet(
            score=score, fraction=fraction, reward_val=worth, selection_val=worth - 0.006
        )

    humps = {"own_distance": 0.03, "knn_label_agreement": 0.04, "nearest_real": -0.02}
    sets = [tried("none", 0.0, 0.8), tried("all", 1.0, 0.79)]
    for score, hump in humps.items():
        for eighths in range(1, 8):
            share = eighths / 8
            worth = 0.8 - 0.01 * share + hump * (1 - 7 * (share - 0.625) ** 2)
            sets.append(tried(score, share, worth))
    best = max(range(len(sets)), key=lambda index: sets[index]["reward_val"])
    return FreeSets(metric="auc", sets=sets, best=best)


def _record(
    methods: dict[str, float],
    num_rounds: int,
    num_kept: int,
    num_candidates: int,
    has_truth: bool,
    rng: np.random.Generator,
) -> Record:
    offsets = {"accuracy": 0.0, "auc": 0.05, "sensitivity": -0.06, "specificity": 0.05}
    of_round = rng.normal(0, 0.008, num_rounds)  # a round moves all methods alike
    scores = {
        method: {
            metric: [float(level + offset + shift + rng.normal(0, 0.006)) for shift in of_round]
            for metric, offset in offsets.items()
        }
        for method, level in methods.items()
    }
    kept: dict[str, int] = dict.fromkeys(methods, num_kept)
    kept |= {"real_only": 0, "keep_all": num_candidates}
    truth = {
        "controller": {"auc": 0.834, "precision": 0.81, "recall": 0.79},
        "controller_within_batches": {
            "auc": 0.741,
            "precision": float("nan"),
            "recall": float("nan"),
        },
        "uniform": {"auc": float("nan"), "precision": 0.5, "recall": 0.49},
        "centroid": {"auc": 0.787, "precision": 0.74, "recall": 0.73},
        "oracle": {"auc": 1.0, "precision": 1.0, "recall": 0.97},
        "own_distance": {"auc": 0.787, "precision": 0.74, "recall": 0.73},
        "knn_label_agreement": {"auc": 0.836, "precision": 0.79, "recall": 0.78},
        "label_log_probability": {"auc": 0.824, "precision": 0.77, "recall": 0.76},
        "batch_index": {"auc": 0.771, "precision": 0.72, "recall": 0.71},
    }
    truth = {m: row for m, row in truth.items() if m in methods or m not in METHODS}
    by_kind = {
        "good": {"count": 256, "kept": (256, 130, 180, 208, 246), "p": 0.71},
        "flipped label": {"count": 128, "kept": (128, 66, 30, 12, 0), "p": 0.19},
        "blurred": {"count": 128, "kept": (128, 61, 44, 41, 10), "p": 0.38},
    }
    return Record(
        name="planted-pool",
        config_hash="5f2c9e01ab77",
        seed=7,
        finished=True,
        command="rlsel run tune_configs/planted_pool.yaml --seed 7",
        device=describe_device(),
        versions=installed_versions(),
        wall_s=4980.0,
        stage_s={
            "splits": 1.3, "classifier": 212.0, "pool": 640.0, "features": 18.4,
            "selector": 3344.0, "evaluation": 764.3,
        },
        peak_memory_gib=6.42,
        evaluations={
            "trained": 1128,
            "from_ledger": 152,
            "by_fidelity": {
                "probe": {"trained": 1024, "from_ledger": 140},
                "full": {"trained": 104, "from_ledger": 12},
            },
        },
        scores=scores,
        num_kept=kept,
        truth=truth if has_truth else None,
        truth_by_kind={
            kind: {
                "count": row["count"],
                "kept": dict(zip(list(methods)[1:], row["kept"], strict=False)),
                "mean_keep_probability": row["p"] if "controller" in methods else float("nan"),
            }
            for kind, row in by_kind.items()
        }
        if has_truth
        else None,
        free_sets=_free_sets() if "controller" in methods else None,
        learning={"chosen_iteration": CHOSEN_ITERATION} if "controller" in methods else {},
        noise={"baseline_reward_std": 0.0042, "num_baseline_rewards": 8.0},
        notes=["Reward: recalibrated log-loss on reward-val, gain over real only."],
        warnings=["Rewards spread no more than the baseline's own noise in 31 of 64 iterations."],
        resumed=1,
        data_digest="9b1d2c77e0a14f3f",
        pool_digest="03fe6610bbd94a55",
    )  # fmt: skip


def _write_selection(run_dir, class_names, num_per_class, has_truth, has_controller, px, rng):
    n = num_per_class * len(class_names)
    labels_N = np.repeat(np.arange(len(class_names)), num_per_class)
    useful_N = rng.random(n) < 0.5
    distance_N = np.clip(rng.normal(0.35 + 0.05 * labels_N - 0.12 * useful_N, 0.09), 0.01, 2)
    keep_N = 1 / (1 + np.exp(-(4 * (useful_N - 0.5) + 6 * (0.33 - distance_N))))
    keep_N = np.clip(keep_N + rng.normal(0, 0.08, n), 0.001, 0.999)
    kept_N = keep_N > np.median(keep_N) if has_controller else rng.random(n) < 0.5
    order = np.argsort(distance_N)
    batch_N = np.empty(n, dtype=np.int64)
    batch_N[order] = np.arange(n) * 8 // n
    kinds_N = np.where(useful_N, "good", np.where(rng.random(n) < 0.5, "blurred", "flipped label"))
    columns = {
        "candidate_id": [f"candidate-{i:05d}" for i in range(n)],
        "class": [class_names[c] for c in labels_N],
        "batch": batch_N,
        "distance": distance_N,
        "nearest_other_distance": distance_N + rng.normal(0.1, 0.05, n),
        "knn_label_agreement": rng.random(n),
        "label_log_probability": np.log(keep_N),
        "keep_probability": keep_N if has_controller else [None] * n,
        "kept": kept_N,
        "kind": list(kinds_N) if has_truth else [None] * n,
        "useful": useful_N if has_truth else [None] * n,
    }
    metadata = {
        "method": "controller" if has_controller else "uniform",
        "class_names": "\n".join(class_names),
    }
    table = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(table, run_dir / "selection.parquet")
    save_contact_sheets(
        run_dir,
        _images(labels_N, useful_N, px, rng),
        labels_N,
        class_names,
        kept_N,
        keep_N if has_controller else None,
        rng,
    )
    return kept_N


def _images(labels_N, useful_N, px, rng) -> np.ndarray:
    """Pink tissue with dark nuclei: more of them in later classes, washed out where not useful."""
    n = len(labels_N)
    images = np.full((n, px, px, 3), (226, 178, 208), dtype=np.float64)
    images += rng.normal(0, 9, images.shape)
    y, x = np.mgrid[:px, :px]
    for i in range(n):
        for _ in range(6 + 10 * int(labels_N[i])):
            cy, cx, radius = *rng.random(2) * px, px * rng.uniform(0.04, 0.09)
            images[i][(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = (92, 54, 128)
    images[~useful_N] = 0.45 * images[~useful_N] + 0.55 * images[~useful_N].mean(
        (1, 2), keepdims=True
    )
    return np.clip(images, 0, 255).astype(np.uint8)


def _write_iterations(run_dir, class_names, rng) -> None:
    lines = []
    for t in range(1, 65):
        rise = 1 - np.exp(-t / 18)
        reward = 0.001 + 0.011 * rise + rng.normal(0, 0.0012)
        keep = 0.5 + 0.05 * np.sin(t / 9)
        row = {
            "iteration": t, "evaluations": 16 * t, "reward_mean": reward,
            "reward_std": 0.006, "reward_min": reward - 0.013, "reward_max": reward + 0.012,
            "selection_val": 0.715 + 0.02 * rise + rng.normal(0, 0.002) if t % 4 == 0 else None,
            "reward_val": 0.72 + 0.026 * rise + rng.normal(0, 0.002) if t % 4 == 0 else None,
            "keep_fraction": keep,
            "keep_fraction_per_class": {
                name: keep + 0.05 * (c - 0.5) + rng.normal(0, 0.01)
                for c, name in enumerate(class_names)
            },
            "entropy": 0.69 - 0.3 * rise, "clip_fraction": 0.12 + rng.normal(0, 0.02),
            "kl": 0.008 + rng.normal(0, 0.001), "explained_variance": 0.4 * rise,
            "grad_norm": 1.1 + rng.normal(0, 0.1), "seconds": 51.0,
        }  # fmt: skip
        lines.append(json.dumps(row))
    (run_dir / "iterations.jsonl").write_text("\n".join(lines) + "\n")


CONFIG = """\
name: planted-pool
data:
  source: phantom
  size_px: 32
selector:
  kind: controller
  encoder: mlp
  lr: 0.00025
  note: "<script>alert(1)</script> & friends"
"""


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    names = tuple(sys.argv[2:]) or ("normal", "tumour")
    write_fake_run(folder, names)
    print(write_report(folder))
