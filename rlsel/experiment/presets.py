"""Named settings over which a config may be laid: `preset: paper` at its top."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # The experiment of `rlsel run` without a config: small enough for two cores and five minutes.
    "default": {
        "evaluation": {"rounds": 3},
    },
    # Ye et al. 2020, implemented literally except for the final selection, which is the same for
    # all controllers: by rank, over the mean of the iterations. It stays at chance in a benchmark
    # in which the defaults learn (docs/benchmarks/planted_truth.md, "One choice at a time").
    "paper": {
        "features": {"order": "own_distance", "inputs": ["features"], "num_batches": 8},
        "reward": {"fidelity": "full", "metric": "accuracy", "covers": "kept", "alpha": 0.8},
        "controller": {"name": "transformer", "positions": "sinusoidal"},
        "algorithm": {
            "ratio": "joint",
            "baseline": "value",
            "clip": 0.2,
            "lr": 2.5e-4,
            "lr_end": None,
            "gamma": 0.0,
        },
        "evaluation": {"rounds": 5},
    },
    # As DVRL (Yoon et al. 2020): each candidate is judged by itself, with REINFORCE and a baseline.
    # Our baseline is the mean of the parallel episodes; that of DVRL is a moving average.
    "dvrl": {
        "controller": {"name": "mlp"},
        "algorithm": {"name": "reinforce"},
    },
}
