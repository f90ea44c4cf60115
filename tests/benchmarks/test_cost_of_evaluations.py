"""benchmarks/reward_throughput.py and cost_growth.py: their arithmetic, and that they run."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recording import read_record

from benchmarks.throughput.device_share import (
    GAPS,
    OUTSIDE,
    forward_flops,
    kernel_times,
    kind_of,
    share_of_time,
)
from benchmarks.throughput.naive_peer import train_naively
from benchmarks.throughput.sections import growth_section
from benchmarks.throughput.sides import Setting, Setup, Trial, extrapolate, random_images
from benchmarks.throughput.summary import summarise
from rlsel.classifier import ClassifierConfig

REPOSITORY = Path(__file__).parents[2]


def test_extrapolation_finds_the_cost_of_an_image_and_what_comes_before_the_first():
    def train(num_images: int, passes: int) -> Trial:
        return Trial(3.0 + 0.01 * num_images + 0.7 * passes, 0.7 * passes)

    setting = Setting(32, 6688, 600, complete=False, timed_steps=5, timed_val=200)
    config = ClassifierConfig(epochs=11, batch_size=64)
    cell = extrapolate(train, setting, config, passes=3, together=lambda: None)
    assert cell["wall_s"] == pytest.approx(3.0 + 0.01 * 6688 * 11 + 0.7 * 3 * 600 / 200)
    assert cell["validation_s"] == pytest.approx(6.3)


def test_a_ratio_is_taken_within_a_repetition_and_against_the_fastest_peer():
    rates = {
        "ours: 1": {0: 200.0, 1: 30.0, 2: 90.0},
        "peer: slow": {0: 10.0, 1: 10.0, 2: 10.0},
        "peer: fast": {0: 100.0, 1: 10.0, 2: 30.0},
    }
    cells = {
        f"throughput/32px_500/{setup}/{repetition}": throughput_cell(rate)
        for setup, by_repetition in rates.items()
        for repetition, rate in by_repetition.items()
    }
    figure = summarise(cells)["throughput.32px_500"]
    assert figure["peer"] == "peer: fast"
    ratio = {"median": 3.0, "min": 2.0, "max": 3.0, "n": 3}
    assert figure["times_the_peer"] == {"ours: 1": ratio}


def throughput_cell(rate: float) -> dict:
    return {
        "extrapolated": False,
        "evaluations_per_hour": rate,
        "images_per_s": 1.0,
        "val_images_per_s": 1.0,
    }


def test_a_difference_of_scores_is_measured_in_stds_between_seeds():
    scores = {"ours": (0.70, 0.74), "peer": (0.69, 0.73)}
    cells = {
        f"accuracy/{side}/{seed}": {"accuracy": score, "auc": score}
        for side, pair in scores.items()
        for seed, score in enumerate(pair)
    }
    figure = summarise(cells)["test_accuracy"]
    assert figure["ours_less_peer"] == pytest.approx(0.01)
    assert figure["in_std"] == pytest.approx(0.01 / (0.04 / 2**0.5), rel=1e-3)


def test_time_in_which_no_kernel_runs_is_idle():
    trace = [
        {"cat": "kernel", "name": "sm90_xmma_fprop", "ts": 100.0, "dur": 30.0},
        {"cat": "kernel", "name": "bn_fw_tr", "ts": 120.0, "dur": 20.0},  # overlaps the first
        {"cat": "gpu_memcpy", "name": "Memcpy HtoD", "ts": 145.0, "dur": 5.0},
        {"cat": "gpu_user_annotation", "name": "Optimizer.step", "ts": 0.0, "dur": 900.0},
        {"cat": "cuda_runtime", "name": "cudaGraphLaunch", "ts": 140.0, "dur": 5.0},
    ]
    assert kernel_times(trace, wall_us=70.0) == Counter(
        {"sm90_xmma_fprop": 30.0, "bn_fw_tr": 20.0, "Memcpy HtoD": 5.0, GAPS: 5.0, OUTSIDE: 20.0}
    )
    kinds = share_of_time(kernel_times(trace, 70.0))["kinds"]
    assert kinds["convolutions and matrix products"] == pytest.approx(30 / 80)


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("void cudnn::bn_bw_1C11_kernel_new<__nv_bfloat16>", "batch normalisation"),
        ("sm90_xmma_wgrad_implicit_gemm_bf16f32", "convolutions and matrix products"),
        ("void cudnn::ops::nchwToNhwcKernel<float>", "copies, casts and gathers"),
        ("void at::native::vectorized_elementwise_kernel<4, CUDAFunctor_add>", "elementwise"),
        ("elementwise_kernel<direct_copy_kernel_cuda>", "copies, casts and gathers"),
        ("multi_tensor_apply_kernel<FusedAdamMathFunctor>", "optimiser"),
        ("max_pool_backward_nhwc", "pooling"),
    ],
)
def test_a_kernel_is_known_by_its_name(kernel, kind):
    assert kind_of(kernel) == kind


def test_a_resnet34_takes_as_many_operations_as_is_published():
    # torchvision states 3.66 billion multiply-adds at 224 px, with 1,000 classes.
    assert forward_flops(224) == pytest.approx(2 * 3.66e9, rel=0.005)


@pytest.mark.slow
def test_the_naive_peer_drops_a_last_batch_of_one_and_repeats_itself():
    images = random_images(33, 16)
    results = [
        train_naively(*images, *images, epochs=2, batch_size=16, num_validated_epochs=1)
        for _ in range(2)
    ]
    first, again = (result.val_logits for result in results)
    assert [logits_NC.shape for logits_NC in first] == [(33, 2)]
    np.testing.assert_array_equal(first[0], again[0])


def test_a_set_up_says_how_the_machine_is_shared_out():
    setup = Setup("peer", processes=2, threads=1, workers=3)
    assert setup.name == "peer: 2 processes of 1 thread with 3 workers"
    assert replace(setup, side="ours", group=4).name.endswith("of 1 thread in groups of 4")


@pytest.mark.slow
@pytest.mark.long
def test_a_script_fills_a_record_that_makes_its_section(tmp_path):
    path = tmp_path / "record.json"
    command = [sys.executable, "benchmarks/cost_growth.py", "--quick", "--record", str(path)]
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    records = []
    for _ in range(2):  # the second finds all cells there
        subprocess.run(command, check=True, cwd=REPOSITORY, env=environment, timeout=250)
        records.append(read_record(path))
    assert records[0] == records[1]
    assert {"summary", "n", "hardware", "versions", "config", "cells"} == records[0].keys()
    assert "| --- |" in growth_section(records[0], "cost_growth")
