"""A run on a cluster whose GPU another job holds says who does, and goes on once it is free."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_experiment import NOTHING_TO_TRAIN, write_config

SCRIPT = """
import os, subprocess, sys, time
from pathlib import Path
from ray.cluster_utils import Cluster

HOLDER = '''
import sys
import ray

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)


@ray.remote(num_gpus=1, num_cpus=0)
class Trainer:
    def is_up(self):
        return True


trainer = Trainer.options(name="anna's").remote()
ray.get(trainer.is_up.remote())
print("holds", flush=True)
sys.stdin.read()
'''
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 1})
holder = subprocess.Popen(
    [sys.executable, "-c", HOLDER, cluster.address],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
)
holder.stdout.readline()
run = subprocess.Popen(
    [sys.executable, "-m", "rlsel", "run", "my.yaml", "--out", "run"],
    stdout=open("said.txt", "w"), stderr=subprocess.STDOUT,
    env=os.environ | {"RAY_ADDRESS": cluster.address},
)
while "are held" not in Path("said.txt").read_text() and run.poll() is None:
    time.sleep(1)
holder.communicate("")
sys.exit(run.wait())
"""


@pytest.mark.slow
@pytest.mark.long  # a second Ray on one machine, beside that of other tests, would lose its ports
@pytest.mark.timeout(600)
def test_who_holds_the_gpu_is_told_and_the_run_goes_on_when_it_is_free(tmp_path: Path) -> None:
    config = write_config(tmp_path / "my.yaml", **NOTHING_TO_TRAIN)
    text = config.read_text()
    config.write_text(text.replace("evaluators:\n  count: 1\n", ""))

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"RLSEL_CACHE": str(tmp_path / "cache")},
        check=False,
    )

    said = (tmp_path / "said.txt").read_text()
    assert done.returncode == 0, done.stdout + done.stderr + said
    assert "0 of 1 GPUs are free; GPUs are held: 1 by Ray job" in said
    assert 'Trainer "anna\'s"' in said
    assert "this run goes on by itself once they are free" in said
