"""What does it cost? Claims without a verdict: seconds, memory, and how they compare."""

from collections.abc import Iterator, Mapping
from statistics import median

from recording import Record
from whole_runs.scores import methods_of, rounds_of, runs_of
from whole_runs.section import TITLES

from rlsel.reporting.wording import decimal, signed

from .claims import Claim, Source, in_words, listed

SPEED = "speed"
THROUGHPUT = {
    "cpu": "What an evaluation costs, on a CPU",
    "cuda": "What an evaluation costs, on a GPU",
}
GROWTH = "How cost grows with the number of images"
LOOP = "How fast the learning loop turns"
SCALING = "Evaluators and episodes"
GAN_SPEED = "How fast the generator trains"
GAN = "What the generator makes (`rlsel generate tune_configs/histogan_small.yaml`)"


def cost_claims(records: Mapping[str, Record]) -> Iterator[Claim]:
    """Of the records that are there."""
    if "whole_run_default" in records:
        yield _whole_runs(records)
    for name, claim in {
        "reward_throughput": _throughput,
        "reward_throughput_cuda": _throughput,
        "cost_growth": _growth,
        "learning_loop": _loop,
        "evaluator_scaling": _broker,
        "ledger_speed": _ledger,
        "generator_speed": _generator,
        "generator_speed_cuda": _generator,
        "generator_quality_histogan_small": _candidates,
    }.items():
        if records.get(name, {}).get("summary") and (found := claim(records[name])):
            yield found


def _whole_runs(records: Mapping[str, Record]) -> Claim:
    said, shares, memory = [], [], []
    for name in TITLES:
        if record := records.get(f"whole_run_{name}"):
            runs, wall = runs_of(record), record["summary"]["wall_s"]["mean"]
            methods = len(list(methods_of(runs)))
            said.append(
                f"{wall / 60:.0f} min for `{name}` ({methods} methods of "
                f"{rounds_of(runs)} trainings each; n = {len(runs)})"
            )
            shares += [run["stage_s"]["final evaluation"] / run["wall_s"] for run in runs]
            memory.append(record["summary"]["peak_memory_gib"]["max"])
    return Claim(
        None,
        "A whole run takes minutes.",
        f"It took {listed(said)}. From {min(shares):.0%} to {max(shares):.0%} of it went into the "
        "classifiers that score every method at the end. Memory was at most "
        f"{max(memory):.1f} GiB.",
        Source(records["whole_run_default"], "means over seeds", "whole_runs", TITLES["default"]),
    )


def _throughput(record: Record) -> Claim | None:
    """None before any pair was measured."""
    figures = {
        key.removeprefix("throughput."): figure
        for key, figure in record["summary"].items()
        if key.startswith("throughput.") and figure.get("times_the_peer")
    }
    ratios = [
        max(figure["times_the_peer"].values(), key=lambda ratio: ratio["median"])
        for figure in figures.values()
    ]
    if not figures:
        return None
    single = [
        ratio["median"]
        for figure in figures.values()
        for name, ratio in figure["times_the_peer"].items()
        if " 1 process" in name
    ]
    least, most = (pick(ratio["median"] for ratio in ratios) for pick in (min, max))
    extrapolated = sum(figure["extrapolated"] for figure in figures.values())
    device = record["config"]["device"]
    return Claim(
        None,
        f"A full training{' on a GPU' if device == 'cuda' else ''} is {least:.1f} to {most:.1f} "
        "times as fast as with a plain PyTorch trainer.",
        f"Sizes of images and data set: {in_words(len(figures))}, of which "
        f"{in_words(extrapolated)} extrapolated from a few steps. Both may share out the machine "
        "in the way that suits them best. "
        + (
            f"One of our processes alone is {min(single):.1f} to {max(single):.1f} times as fast "
            "as the plain trainer at its best. "
            if single
            else ""
        )
        + _same_accuracy(record),
        Source(
            record, f"n = {min(r['n'] for r in ratios)} pairs or more", SPEED, THROUGHPUT[device]
        ),
    )


def _same_accuracy(record: Record) -> str:
    """And what a probe costs, where it was measured."""
    said, summary = "", record["summary"]
    if accuracy := summary.get("test_accuracy"):
        said = f"Test accuracy differs by {signed(accuracy['ours_less_peer'])}"
        if accuracy.get("pooled_std") is not None:
            said += f", where the std between seeds is {decimal(accuracy['pooled_std'])}"
        said += ". "
    if probe := summary.get("full_over.probe in groups of 128"):
        said += (
            f"A probe, solved in groups of 128, is {probe['median']:,.0f} times cheaper than a "
            "full training."
        )
    return said.strip()


def _growth(record: Record) -> Claim:
    full = record["summary"]["time.full"]
    held = record["summary"]["memory.32px.held_bytes"]
    return Claim(
        None,
        "Time and memory grow in a straight line with the number of images.",
        f"A full training of 32 px images takes {full['intercept']:.1f} s, and "
        f"{1000 * full['slope']:.0f} ms more for each image, on one core. A process holds "
        f"{held['slope_in_images']:.1f} times the bytes of the decoded images.",
        Source(record, f"n = {full['n']} trainings", SPEED, GROWTH),
    )


def _loop(record: Record) -> Claim:
    summary, cells = record["summary"], record["cells"]
    ratios = [
        cells[f"ours | {seed}"]["seconds"] / cells[f"plain loop | {seed}"]["seconds"]
        for seed in range(record["n"])
    ]
    slower = "slower" if summary["ratio_to_plain_loop"] > 1 else "faster"
    return Claim(
        None,
        f"The learning loop is {slower} than a plain loop for the same task.",
        f"{record['config']['evaluations']:,} evaluations by a probe take {summary['seconds']:.0f} "
        f"s. That is {summary['ratio_to_plain_loop']:.2f} times as long as a loop in plain PyTorch "
        f"without ledger and checkpoints ({min(ratios):.2f} to {max(ratios):.2f}).",
        Source(record, f"n = {record['n']} seeds", SPEED, LOOP),
    )


def _broker(record: Record) -> Claim:
    summary = record["summary"]
    constant, drawn = (
        summary[f"{kind}.iteration.min_utilisation"] for kind in ("constant", "exponential")
    )
    bound = summary["exponential.without_messages.min_utilisation"]
    most = max(int(key.split("/")[2]) for key in record["cells"] if key.startswith("iteration/"))
    return Claim(
        None,
        f"One broker keeps {most} evaluators at work, but they only slept instead of training.",
        f"With 16 episodes or more they were busy at least {constant:.0%} of the time if all jobs "
        f"take equally long. With random durations it was at least {drawn:.0%}, where {bound:.0%} "
        "would be possible if messages took no time. The broker answers at most "
        f"{summary['saturation/with_ledger.per_s']:,.0f} new evaluations a second.",
        Source(record, f"n = {record['n']:,} evaluations", SPEED, SCALING),
    )


def _ledger(record: Record) -> Claim:
    figures = record["summary"].values()
    lookup, put, start = (
        max(figure[name] for figure in figures)
        for name in ("lookup_ms_median", "put_ms_median", "startup_s_max")
    )
    return Claim(
        None,
        "The ledger costs little.",
        f"With {record['n']:,} evaluations in it, a look-up takes {lookup:.2g} ms and a write "
        f"{put:.1f} ms (medians). Opening it, with a check of every page, takes {start:.2g} s at "
        "most.",
        Source(
            record, f"n = {record['n']:,} rows", SPEED, f"A ledger of {record['n']:,} evaluations"
        ),
    )


def _generator(record: Record) -> Claim:
    medians = [median(cell["times_plain"]) for cell in record["cells"].values()]
    least = min(min(cell["times_plain"]) for cell in record["cells"].values())
    return Claim(
        None,
        f"The GAN trains {min(medians):.1f} to {max(medians):.1f} times as fast as a plain "
        "implementation of the same networks.",
        f"The lowest of all pairs of timings is {least:.2f}.",
        Source(record, f"n = {record['n']} pairs a set-up", "generators", GAN_SPEED),
    )


def _candidates(record: Record) -> Claim:
    summary = record["summary"]
    ours, real = summary["classification_accuracy_score"], summary["accuracy_of_real"]
    return Claim(
        None,
        f"A GAN on real PCam patches at 32 px takes {summary['minutes_of_training']:.0f} minutes.",
        f"A classifier that learns its images alone has a test accuracy of {decimal(ours)}; one "
        f"that learns as many real images has {decimal(real)}. It is one GAN from one seed.",
        Source(record, f"n = {record['n']} trainings", "generators", GAN),
    )
