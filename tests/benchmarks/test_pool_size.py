"""benchmarks/pool_size.py: that it runs and makes its section, and what its candidates are."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recording import read_record

from benchmarks import pool_size
from benchmarks.scaling.pool_section import pool_section

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_script_fills_a_record_that_makes_its_section(tmp_path: Path) -> None:
    record = tmp_path / "pool_size.json"
    command = [sys.executable, "benchmarks/pool_size.py", "--quick", "--record", str(record)]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, env=os.environ, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = read_record(record)
    assert list(found["summary"]) == ["64", "128"]
    assert "| 128 |" in pool_section(found, "pool_size")


def test_useful_candidates_have_the_label_that_their_numbers_tell() -> None:
    (x_NF, labels_N), _, (candidates_NF, said_N), useful_N = pool_size.made_up(4096, 0)

    towards_F = x_NF[labels_N == 1].mean(axis=0) - x_NF[labels_N == 0].mean(axis=0)
    told_N = (candidates_NF @ towards_F > 0).astype(int)
    assert useful_N.mean() == pytest.approx(0.5, abs=0.05)
    assert (told_N == said_N)[useful_N].mean() > 0.7
    assert (told_N == said_N)[~useful_N].mean() < 0.3


def test_a_seed_draws_another_direction() -> None:
    one, other = (pool_size.made_up(64, seed)[2][0] for seed in (0, 1))

    assert not np.array_equal(one, other)
