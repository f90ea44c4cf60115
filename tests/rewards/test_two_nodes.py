"""A run on a cluster of two nodes, of which one pretends to have a GPU: where each stage runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, os, sys
import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
cluster.add_node(num_cpus=2, num_gpus=1)
os.environ["RAY_ADDRESS"] = cluster.address

import rlsel
from rlsel.experiment.config import build_experiment

result = rlsel.run(build_experiment(json.loads(sys.argv[1]), "two nodes"), out=sys.argv[2])
ray.init(address=cluster.address, logging_level="ERROR")
(with_gpu,) = [node["NodeID"][:8] for node in ray.nodes() if node["Resources"].get("GPU")]
print(json.dumps({"ran_on": result.record.ran_on, "with_gpu": with_gpu}))
"""
SETTINGS = {
    "data": {
        "source": {
            "name": "phantom", "num_train": 40, "num_val": 60, "num_test": 40, "size_px": 16
        }
    },
    "generator": {
        "num_images": 320, "channels": 4, "max_channels": 8, "batch_size": 16,
        "num_per_class": 16, "show_every": 2, "save_every": 2,
    },
    "classifier": {"epochs": 1, "num_validated_epochs": 1},
    "features": {"extractor": {"epochs": 1, "num_validated_epochs": 1}},
    "algorithm": {"iterations": 1, "episodes": 2},
    "evaluation": {"rounds": 1},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.long  # a second Ray on one machine, beside that of other tests, would lose its ports
@pytest.mark.timeout(600)
def test_whatever_trains_a_network_runs_where_the_gpu_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(SETTINGS), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env=os.environ | {"RLSEL_CACHE": str(tmp_path / "cache")},
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["ran_on"]) == {"generator", "features", "audit"}
    assert all(place.endswith(found["with_gpu"]) for place in found["ran_on"].values())
    # The training ran elsewhere, and its checkpoint, rows and grids are here.
    files = {path.name for path in (tmp_path / "run" / "generator").rglob("*")}
    assert {"generator.pt", "steps.jsonl", "grids"} <= files
