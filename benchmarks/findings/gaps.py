"""What has never been run: what is not in the records cannot be claimed."""

from collections.abc import Iterator, Mapping

from recording import Record
from whole_runs.scores import methods_of, rounds_of, runs_of

from .claims import listed

ON_A_GPU = {
    "gpu_correct": "whether a GPU computes the same as a CPU, repeats itself and survives being "
    "full",
    "reward_throughput_cuda": "how fast rewards are beside a plain trainer",
    "generator_speed_cuda": "how fast the GAN trains",
    "gpu_paper": "the paper's whole line at 96 px (`tune_configs/pcam_paper.yaml`)",
}
"""Record -> what only a GPU could tell. `benchmarks/on_gpu.py` makes them."""


def gap_lines(records: Mapping[str, Record]) -> Iterator[str]:
    missing = [words for name, words in ON_A_GPU.items() if name not in records]
    hardware = listed(sorted({record["hardware"] for record in records.values()}))
    if len(missing) == len(ON_A_GPU):
        yield (
            f"- **Nothing here was run on a GPU.** Every record is of {hardware}. So nobody knows "
            f"{'; '.join(missing)}. `make gpu` measures all of it within minutes where there is "
            "one."
        )
    elif missing:
        yield f"- **On a GPU nobody has measured** {'; '.join(missing)}."
    if "gpu_paper" not in records:
        yield (
            "- **No test score is of images larger than 32 px.** The paper works with 96 px. "
            "Speed and memory were measured for 96 px too."
        )
    yield from _paid_by_probes(records)
    yield (
        "- **No benchmark used more than one machine.** The evaluators of the scaling benchmark "
        "only slept."
    )
    yield (
        "- **The only medical images are PCam patches.** All others are drawn by the program (the "
        "phantom). No other organ, stain, scanner or hospital was tried."
    )
    yield (
        "- **The only generator is our own GAN.** Selecting from the images of a diffusion model "
        "was not measured."
    )


def _paid_by_probes(records: Mapping[str, Record]) -> Iterator[str]:
    """Of whole runs, where every evaluation but those of the final rounds was a probe."""
    runs = {
        name: runs_of(record) for name, record in records.items() if name.startswith("whole_run_")
    }
    found = [
        run["evaluations"]["by_fidelity"].keys() == {"probe", "full"}
        and run["evaluations"]["by_fidelity"]["full"]["trained"]
        == rounds_of(of_name) * len(list(methods_of(of_name)))
        for of_name in runs.values()
        for run in of_name
    ]
    if found and all(found):
        yield (
            "- **No whole run was paid by full training or finetuning.** In all "
            f"{len(found)} recorded runs the learner was paid by probes alone; full training only "
            "made the final scores. The paper pays with full training."
        )
