"""The section of docs/benchmarks.md about what each kind of fault does."""

from typing import Any

from .markdown import table

METRICS = {"log_loss": "log-loss", "accuracy": "accuracy", "auc": "AUC"}
DECIDING = "log_loss"
"""Chosen before any of it was measured, as the metric with the least noise (METHOD)."""
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
**What counts as harmful in a bed.** A bed's truth calls a kind harmful, or useless, only where this
table does, by log-loss, for the bed's number of real images and length of training. What is helpful
here counts as useful, whatever it looks like; what is undecided is left out of a bed or out of its
truth. Two beds are exempt, as they describe and do not judge: the truth of `useless` is whether a
candidate is fresh or a near-duplicate, and all of `all_noise` is noise, neither called harmful. The
table speaks of a kind alone, at these strengths and doses and at 32 px: weaker faults may do
nothing, and a mixture need not be the sum of its parts."""

DESIGN = """\
Adding images adds steps, since the number of epochs is fixed. 10 epochs, the default, of 100
patches are 16 steps, so few that whatever adds steps may help, as a look at two other seeds showed
beforehand. So 100 patches are also trained for 50 epochs, which are the steps of 500.

- *wrong label*: fresh patches, each with the label of the other class
- *blur*: a Gaussian of {blur_px:g} px
- *stain shift*: haematoxylin × {haematoxylin:g}, eosin × {eosin:g}, all alike
- *pure noise*: random pixels with each patch's mean and spread of colour
- *near-duplicates*: {originals} fresh patches of each class again and again, shifted by up to a
  pixel, with other noise and slightly other colours
- *good*: fresh patches as they are
- *real again*: the real patches once more, which adds nothing but steps of training

The same made of phantom images (real ones may not be shown):

![Good ones, blur, stain shift, noise and near-duplicates](images/fault_kinds.png)
"""

READING = """\
A gain is positive where the kind does better than its reference (less log-loss), paired by seed,
with the 95% interval of its mean by Student's t. Log-loss is after refitting scale and bias.
Verdicts combine the doses (mean over the doses of a seed, then over seeds). **Harmful**: the
interval lies below nothing added; **helpful**: above it; **useless**: neither, but below good ones;
else undecided. They go by log-loss, as was settled before measuring; accuracy stands beside it.
Each metric gives {num_verdicts} verdicts, so an interval or two may miss by chance: a star marks
verdicts that hold with Holm's correction for all of them. A dagger marks help that is no clearer
than that of the real patches once more, so that more steps would explain it. Intervals cover real
sets, added patches and training, not the choice of test patches, which are always the same.
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
        f"`python benchmarks/{name}.py train`. Real PCam at 32 px: a ResNet34 is trained on real "
        "patches and a dose of one kind, balanced over the labels, and scored on the "
        f"{config['test_images'][0]:,} patches of the test split. n = {record['n']} seeds; each "
        "has a real set, fresh patches, weights and order of its own, and within a seed these are "
        "the same for all kinds, place by place.",
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
        "Scores with sample std over seeds; gains over nothing added.",
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
        sentences.append(f"{setting}: {'; '.join(found)}.")
    return [" ".join(sentences), ""]


def _verdict(row: dict[str, Any]) -> str:
    if "verdict" not in row:
        return ""
    more_steps = row["verdict"] == "helpful" and not row["beats_more_steps"]
    return row["verdict"] + ("\\*" if row["holds_corrected"] else "") + ("†" if more_steps else "")


def _gain(figure: dict[str, float] | None) -> str:
    if figure is None:
        return ""
    return f"{figure['mean']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"
