"""docs/benchmarks/faults.md: what each kind of fault does to a classifier."""

from typing import Any

from .markdown import table

METRICS = {"log_loss": "log-loss", "accuracy": "accuracy", "auc": "AUC"}
DECIDING = "log_loss"
"""Chosen before any of it was measured, as the metric with the least noise."""
NAMES = {
    "nothing": "nothing",
    "good": "good",
    "real_again": "real again",
    "wrong_label": "wrong label",
    "blurred": "blur",
    "stain_shift": "stain shift",
    "noise": "pure noise",
    "near_duplicate": "near-duplicates",
}
REFERENCES = ("nothing", "good", "real_again")
VERDICTS = ("harmful", "useless", "helpful", "undecided")

RULE = """\
**What this means for the beds.** A bed is a pool of candidates with faults planted in it. Its truth
calls a kind harmful or useless only where this page does, by log-loss, for the same number of real
images and the same length of training. A kind that is helpful here counts as useful, whatever it
looks like. A kind that is undecided here is left out of the bed, or out of its truth. Two beds are
exempt, because they describe candidates without judging them: in `useless` the truth is whether a
candidate is fresh or a near-duplicate, and in `all_noise` every candidate is noise. This page is
about one kind at a time, at these strengths and doses and at 32 px. Weaker faults may do nothing,
and a mixture need not be the sum of its parts."""

DESIGN = """\
The number of epochs is fixed, so adding images also adds steps of training. 100 patches for 10
epochs (the default) are only 16 steps, and there any added images may help just by adding steps; a
first look at two other seeds showed this. Therefore 100 patches are also trained for 50 epochs,
which is as many steps as 500 patches get in 10.

What is added:

- *wrong label*: fresh patches, each with the label of the other class
- *blur*: fresh patches, blurred by a Gaussian of {blur_px:g} px
- *stain shift*: fresh patches with haematoxylin × {haematoxylin:g} and eosin × {eosin:g}
- *pure noise*: random pixels with each patch's mean and spread of colour
- *near-duplicates*: {originals} fresh patches of each class repeated again and again, shifted by up
  to a pixel, with other noise and slightly other colours
- *good*: fresh patches as they are
- *real again*: the real patches once more, which adds nothing but steps of training

Here are the same kinds made of phantom images, since the real patches may not be shown:

![Good ones, blur, stain shift, noise and near-duplicates](../images/fault_kinds.png)
"""

READING = """\
**How to read the tables.** A gain compares two trainings of the same seed and is positive where the
kind in the row does better than its reference; for log-loss, better means less. In brackets is the
95% interval of the mean gain by Student's t. Log-loss is taken after refitting scale and bias.

A verdict combines the doses: gains are averaged over the doses of a seed, and then over seeds. A
kind is **harmful** if the whole interval of its gain over nothing added lies below 0, and
**helpful** if it lies above 0. It is **useless** if neither holds and it is worse than good
patches. Otherwise it is undecided. Verdicts go by log-loss, which was settled before measuring;
verdicts by accuracy stand beside them.

Each metric gives {num_verdicts} verdicts, so one or two may be wrong by chance. A star marks
verdicts that also hold after Holm's correction for their number. A dagger marks help that is no
clearer than that of the real patches once more: more steps of training would explain it. The
intervals cover the choice of real images, of added images and the randomness of training. They do
not cover the choice of test patches, which are always the same.
"""


def fault_section(record: dict[str, Any], name: str) -> str:
    """What was done, the verdicts, every dose, and what follows for a bed."""
    summary, config = record["summary"], record["config"]
    settings = list(config["doses"])
    judged = {row["kind"] for row in summary["kinds"] if "verdict" in row}
    haematoxylin, eosin, _ = config["stain_times"]
    lines = [
        "## What each kind of fault does to a classifier",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}; record `{name}.json`, by "
        f"`python benchmarks/{name}.py train`.",
        "",
        "A ResNet34 is trained on real PCam patches at 32 px and a dose of added images of one "
        "kind, balanced over the labels. It is scored on the "
        f"{config['test_images'][0]:,} patches of the test split. n = {record['n']} seeds. Each "
        "seed has its own real patches, fresh patches, initial weights and order of training, "
        "and all kinds share those of their seed.",
        "",
        DESIGN.format(
            blur_px=config["blur_px"],
            haematoxylin=haematoxylin,
            eosin=eosin,
            originals=config["originals_per_class"],
        ),
        READING.format(num_verdicts=len(settings) * len(judged)),
        *_verdicts(summary["kinds"], settings),
        *(line for setting in settings for line in _doses(summary["doses"], setting)),
        *_in_words(summary["kinds"], settings),
        RULE,
        "",
    ]
    return "\n".join(lines)


def _verdicts(kinds: list[dict[str, Any]], settings: list[str]) -> list[str]:
    lines = ["### Verdicts", ""]
    references = {f"gain_over_{what}": f"over {NAMES[what]}" for what in REFERENCES}
    head = ("added", "by log-loss", *references.values(), "by accuracy")
    for setting in settings:
        of = {(row["kind"], row["metric"]): row for row in kinds if row["setting"] == setting}
        rows = []
        for kind in dict.fromkeys(kind for kind, _ in of):
            row = of[kind, DECIDING]
            gains = (_gain(row.get(reference)) for reference in references)
            rows.append((NAMES[kind], _verdict(row), *gains, _verdict(of[kind, "accuracy"])))
        lines += [f"{setting}, gains in log-loss:", "", *table(head, rows)]
    return lines


def _doses(doses: list[dict[str, Any]], setting: str) -> list[str]:
    of = {(r["kind"], r["dose"], r["metric"]): r for r in doses if r["setting"] == setting}
    rows = []
    for kind, dose in dict.fromkeys((kind, dose) for kind, dose, _ in of):
        cells = []
        for metric in METRICS:
            row = of[kind, dose, metric]
            cells += [f"{row['mean']:.3f} ± {row['std']:.3f}", _gain(row.get("gain_over_nothing"))]
        rows.append((NAMES[kind], str(dose) if dose else "", *cells))
    head = ("added", "dose", *(text for name in METRICS.values() for text in (name, "gain")))
    return [
        f"### Every dose: {setting}",
        "",
        "Mean ± sample std over seeds; each gain is over nothing added.",
        "",
        *table(head, rows),
    ]


def _in_words(kinds: list[dict[str, Any]], settings: list[str]) -> list[str]:
    """The verdicts as sentences, for who does not read tables."""
    sentences = []
    for setting in settings:
        rows = [
            row
            for row in kinds
            if row["setting"] == setting and row["metric"] == DECIDING and "verdict" in row
        ]
        found = []
        for verdict in VERDICTS:
            named = [NAMES[row["kind"]] for row in rows if row["verdict"] == verdict]
            if named:
                found.append(f"{verdict}: {', '.join(named)}")
        sentences.append(f"- {setting}: {'; '.join(found)}.")
    return ["The verdicts by log-loss once more, in words:", "", *sentences, ""]


def _verdict(row: dict[str, Any]) -> str:
    if "verdict" not in row:
        return ""
    more_steps = row["verdict"] == "helpful" and not row["beats_more_steps"]
    return row["verdict"] + ("\\*" if row["holds_corrected"] else "") + ("†" if more_steps else "")


def _gain(figure: dict[str, float] | None) -> str:
    if figure is None:
        return ""
    return f"{figure['mean']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"
