"""How fast broker and ledger are where nothing else holds them up, and what an episode weighs."""

import json
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
import yaml

from rlsel.rewards import Evaluation, Ledger
from rlsel.runs.record import FILE_NAME
from scaling.iteration import Cell, play, stage
from scaling.pretended import NUM_CANDIDATES, NUM_DECISIONS, Latency, jobs_of

NUM_EVALUATORS = 32
NUM_EPISODES = 64
ROUNDS = 3
SCORES = {m: [0.5] for m in ("accuracy", "auc", "sensitivity", "specificity", "log_loss")}
EVALUATION = Evaluation(SCORES, 1_000, 1.0, "a" * 32)
RUN_FOR_MEMORY: dict[str, Any] = {
    "data": {"source": {"name": "phantom", "num_train": 40, "num_val": 40, "num_test": 30}},
    "pool": {"name": "phantom", "num_candidates": 32},
    "classifier": {"epochs": 1},
    "features": {"extractor": {"epochs": 1}, "num_batches": 4},
    "evaluation": {"rounds": 0},
    "evaluators": {"count": 1},
}


def saturate(has_ledger: bool) -> Cell:
    """Evaluations a second with evaluators that need no time, then of the same ones once more."""
    rates, again, cpu_ms = [], [], []
    num = NUM_EPISODES * NUM_DECISIONS
    with stage(NUM_EVALUATORS, Latency("constant", 0.0, 0)) as (broker, askers):
        if not has_ledger:
            ray.get(broker.forget.remote())
        for round_ in range(ROUNDS):
            episodes = range(round_ * NUM_EPISODES, (round_ + 1) * NUM_EPISODES)
            before_s, _ = ray.get(broker.usage.remote())
            rates.append(num / _seconds(askers, episodes))
            cpu_ms.append(1000 * (ray.get(broker.usage.remote())[0] - before_s) / num)
            if has_ledger:
                again.append(num / _seconds(askers, episodes))
    cell = {"per_s": max(rates), "broker_cpu_ms": min(cpu_ms), "n": ROUNDS * num}
    return (
        cell
        | {f"per_s.{i}": rate for i, rate in enumerate(rates)}
        | ({"from_ledger_per_s": max(again)} if again else {})
    )


def _seconds(askers: list[Any], episodes: range) -> float:
    start = time.monotonic()
    play(askers, episodes)
    return time.monotonic() - start


def write_ledger(group_size: int, num_rows: int = 1024) -> Cell:
    """Rows a second into a ledger of its own, so many at one go."""
    job = jobs_of(0)[-1]
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.sqlite")
        start = time.monotonic()
        for first in range(0, num_rows, group_size):
            keys = (f"{number:032d}" for number in range(first, first + group_size))
            ledger.put_many([(key, job, EVALUATION) for key in keys])
        passed_s = time.monotonic() - start
        bytes_per_row = (Path(folder) / "ledger.sqlite-wal").stat().st_size / num_rows
        ledger.close()
    return {"rows_per_s": num_rows / passed_s, "wal_bytes_per_row": bytes_per_row, "n": num_rows}


def weigh_messages() -> Cell:
    """Bytes of a request and of its answer, without what Ray wraps around them."""
    job = jobs_of(0)[-1]
    sizes = {"request_bytes": job, "answer_bytes": EVALUATION}
    weights = {name: float(len(pickle.dumps(message))) for name, message in sizes.items()}
    return {"candidates": float(NUM_CANDIDATES)} | weights


def weigh_episodes(few: int = 1, many: int = 4) -> Cell:
    """MiB that one more parallel episode costs: an ordinary run with few and with many."""
    peaks = {num: _peak_gib(num) for num in (few, many)}
    mib = 1024 * (peaks[many] - peaks[few]) / (many - few)
    return {"mib_per_episode": mib} | {f"peak_gib.{num}": gib for num, gib in peaks.items()}


def _peak_gib(num_env_runners: int) -> float:
    algorithm = {"iterations": 2, "episodes": 4, "num_env_runners": num_env_runners}
    settings = RUN_FOR_MEMORY | {"algorithm": algorithm | {"minibatch_size": 4}}
    with tempfile.TemporaryDirectory() as folder:
        config, out = Path(folder) / "small.yaml", Path(folder) / "run"
        config.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "rlsel", "run", str(config), "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads((out / FILE_NAME).read_text())["peak_memory_gib"]
