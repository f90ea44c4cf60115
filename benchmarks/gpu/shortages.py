"""Does it survive a full GPU, and does it say what was too large?

How much is left is measured: what the same work takes where there is room for it.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from throughput.constant_features import constant_features

from rlsel.classifier import Trainer, predict
from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.resnet import build_resnet34
from rlsel.commands.generate import generate
from rlsel.data import Splits
from rlsel.experiment.config import build_experiment
from rlsel.generators.histogan.training import Training
from rlsel.machine.device_memory import GIB, DeviceFullError, release
from rlsel.rewards import FinetuneConfig, Job, Workbench
from rlsel.rewards.jobs import Fidelity
from rlsel.rewards.reward import RewardConfig

from .balloon import filled, peak_gib, shortage
from .size import Size, image_set

AT_ONCE = 4
FEW_BYTES = 1000
"""Less than any tensor of the rehearsal's images."""
MOST_KEPT_GIB = 0.2
"""By which what a process holds may grow over a stage: workspaces of libraries."""


def shortage_cells(size: Size) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name -> what provokes it and looks at what becomes of it."""
    checks = {
        "several trainings at once": _several,
        "one training": _one,
        "feature maps of finetune": _maps,
        "prediction": _prediction,
        "recording a graph": _recording,
        "a generator step": _generator,
        "given back after a generator and an extractor": _given_back,
    }
    yield from ((f"shortage/{name}", partial(check, size)) for name, check in checks.items())


def _several(size: Size) -> dict:
    """A group of trainings is halved until it fits."""
    jobs = [_job(size, "full", seed) for seed in range(AT_ONCE)]
    needed = peak_gib(size.device, lambda: _bench(size).evaluate_many(jobs[:1]))
    bench = _bench(size)
    too_large = _step_bytes(size) - 1
    with shortage(size.device, 2.5 * needed, too_large, times=1) as short:
        found, fitting = bench.carry_out(jobs, AT_ONCE)
    return {
        "said": f"{AT_ONCE} at once, then {fitting} at once",
        "needed_gib": needed,
        "ok": short.happened and len(found) == AT_ONCE and fitting < AT_ONCE,
    }


def _one(size: Size) -> dict:
    """A training that cannot fit says what it needs and what to lower."""
    job = _job(size, "full", 0)
    needed = peak_gib(size.device, lambda: _bench(size).evaluate(job))
    bench = _bench(size)
    _ = bench.trainings.images, bench.trainings.resident(job.split)
    return _refused(
        size, 0.3 * needed, lambda: bench.evaluate(job), "classifier.batch_size", FEW_BYTES
    )


def _maps(size: Size) -> dict:
    """Feature maps are not put down to the batch size."""
    bench = _bench(size)
    finetuner, images = bench.trainings.finetuner, bench.trainings.images
    stage = bench.finetune.first_stage
    maps = finetuner.maps_of(images).images_NCHW
    needed_bytes = maps.nbytes
    del maps
    return _refused(
        size,
        0.9 * needed_bytes / GIB,
        lambda: finetuner.maps_of(images),
        f"before {stage}",
        needed_bytes - 1,
    )


def _refused(
    size: Size, left_gib: float, work: Callable[[], object], named: str, most_bytes: int
) -> dict:
    with shortage(size.device, left_gib, most_bytes):
        try:
            work()
            said = "it fitted"
        except DeviceFullError as error:
            said = str(error)
    return {"said": said, "left_gib": left_gib, "ok": named in said}


def _prediction(size: Size) -> dict:
    """It goes on in smaller chunks, to the same result."""
    model = crop_kernels(build_resnet34(2, seed=0), (size.size_px, size.size_px)).to(size.device)
    data = size.resident()
    expected = predict(model, data, "fp32")
    needed = peak_gib(size.device, lambda: predict(model, data, "fp32"))
    half_the_images = data.images_NCHW[: len(data) // 2].numel() * 4
    with shortage(size.device, 0.5 * needed, half_the_images) as short:
        found = predict(model, data, "fp32")
    error = float((found - expected).abs().max() / expected.abs().max())
    ok = short.happened and error < 0.01
    return {"relative_error": error, "needed_gib": needed, "ok": ok}


def _recording(size: Size) -> dict:
    """Memory that runs out while a graph is recorded: the training goes on without one."""
    config = size.classifier(acceleration="graphs")
    trainer = Trainer(config, size.resident(), 2)
    if size.device.type == "cuda":
        with mock.patch.object(torch.cuda, "CUDAGraph", _graph_of_a_full_gpu()):
            trainer.fit(torch.arange(size.num_images), 0)
    else:  # which records nothing of itself, and cannot
        trainer._record(1)
    return {"said": trainer.warning, "ok": "CUDA graph" in trainer.warning}


def _graph_of_a_full_gpu() -> Callable[[], object]:
    """In the place of `torch.cuda.CUDAGraph`: fills the GPU just before the recording begins."""
    make_graph = torch.cuda.CUDAGraph

    def make() -> object:
        graph = make_graph()
        graph.balloon = filled(0.05)  # gone with the graph
        return graph

    return make


def _generator(size: Size) -> dict:
    """A step of the GAN is worked off in parts."""
    needed = peak_gib(size.device, lambda: Training(size.gan, size.resident(), 2, 0).run_step())
    training = Training(size.gan, size.resident(), 2, 0)
    half = size.gan.batch_size // 2 * size.gan.channels_at(1) * (size.size_px + 2) ** 2 * 4
    with shortage(size.device, 0.6 * needed, half) as short:
        told = training.run_step()
    finite = all(bool(torch.isfinite(value)) for value in told.values())
    return {
        "said": f"batches of {size.gan.batch_size} in {training.num_parts} parts",
        "needed_gib": needed,
        "ok": short.happened and finite and training.num_parts > 1,
    }


def _given_back(size: Size) -> dict:
    """What is still held on the GPU when `rlsel generate` is through."""
    content = {
        "data": {"source": {"name": "phantom", "num_train": 64, "num_val": 40, "num_test": 20,
                            "size_px": 32}},
        "generator": {"name": "histogan", "num_per_class": 16, "channels": 8, "max_channels": 16,
                      "batch_size": 16, "num_images": 64},
        "features": {"extractor": {"epochs": 1}},
        "classifier": {"epochs": 1},
    }  # fmt: skip
    release()
    before = _held_gib(size)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, RLSEL_CACHE=str(Path(folder, "cache"))),
        redirect_stdout(StringIO()),
    ):
        generate(build_experiment(content, "this check"), Path(folder) / "generated")
    grown = _held_gib(size) - before
    return {"grown_gib": grown, "ok": grown <= MOST_KEPT_GIB}


def _held_gib(size: Size) -> float:
    return torch.cuda.memory_reserved() / GIB if size.device.type == "cuda" else 0.0


def _bench(size: Size) -> Workbench:
    """Fresh, so that nothing of it is on the GPU."""
    weights = crop_kernels(build_resnet34(2, seed=0), (size.size_px, size.size_px)).state_dict()
    few = size.batch_size
    splits = Splits(
        train=image_set("train", size.num_images // 2, size.size_px),
        reward_val=image_set("reward-val", few, size.size_px),
        selection_val=image_set("selection-val", few, size.size_px),
        test=image_set("test", few, size.size_px),
    )
    candidates = image_set("candidate", size.num_images // 2, size.size_px)
    return Workbench.of(
        splits,
        candidates,
        [constant_features(splits, candidates)],
        replace(size.classifier(), epochs=1),
        RewardConfig(finetune=FinetuneConfig(first_stage="layer2")),
        weights,
        AT_ONCE,
    )


def _job(size: Size, fidelity: Fidelity, seed: int) -> Job:
    return Job(np.ones(size.num_images // 2, dtype=bool), fidelity, seed, "reward_val")


def _step_bytes(size: Size) -> int:
    """Of a step's images as float32."""
    return size.batch_size * 3 * size.size_px**2 * 4
