"""What an experiment asks for reaches the learning loop."""

import numpy as np
import pytest

from envs import phantom_problem
from rlsel.experiment.config import build_experiment
from rlsel.rewards import Fidelity, Split
from rlsel.stages.learning import make_task, num_env_runners

PROBLEM, _ = phantom_problem(np.random.default_rng(0), num_candidates=23, num_decisions=5)
CLASSES = ("normal", "tumour")


def pays(fidelity: Fidelity, split: Split):
    return lambda kept_N: float(len(fidelity) + len(split))


def test_a_task_has_what_the_experiment_says() -> None:
    experiment = build_experiment(
        {
            "reward": {
                "covers": "gain",
                "alpha": 0.3,
                "final_fidelity": "finetune",
            },
            "selection": {"keep_range": [0.2, 0.4], "keep_range_of_class": {"tumour": [0.5, 0.5]}},
        },
        "a test",
    )

    task = make_task(experiment, PROBLEM, CLASSES, pays)

    nobody = np.zeros(23, dtype=bool)
    assert task.reward(nobody) == len("probe") + len("reward_val")
    assert task.judge(nobody) == len("probe") + len("selection_val")
    assert task.final_judge is not None
    assert task.final_judge(nobody) == len("finetune") + len("selection_val")
    assert task.env_settings == {"covers": "gain", "alpha": 0.3}
    assert task.keep_ranges == ((0.2, 0.4), (0.5, 0.5))


@pytest.mark.parametrize(
    ("reward", "num_evaluators", "expected"),
    [
        ({}, 4, 0),
        ({"final_fidelity": "full"}, 4, 0),
        ({"fidelity": "finetune"}, 4, 8),
        ({"fidelity": "finetune"}, 3, 4),
        ({"fidelity": "full"}, 100, 16),
    ],
)
def test_env_runners_are_twice_the_evaluators_and_none_where_probes_pay(
    reward: dict[str, str], num_evaluators: int, expected: int
) -> None:
    experiment = build_experiment({"reward": reward}, "a test")

    assert num_env_runners(experiment, num_evaluators) == expected
