"""docs/benchmarks/reward_fidelity.md: which cheap reward says most about full training."""

from typing import Any

STEADY = 0.8
"""Rank correlation that every seed of a finetuning had to reach to become the default."""
METRICS = {"accuracy": "accuracy", "auc": "AUC", "log_loss": "log-loss"}
FAMILIES = {
    "wide": "from none to all, from only right to only wrong labels",
    "narrow": "independent coin flips, about half of the pool each",
}

INTRODUCTION = """\
A reward stands for the training of a whole classifier, and there are cheaper ways to get one. This
page measures how well each of them ranks sets of candidates, and what it costs.

**The truth.** A set's truth is the test accuracy of a ResNet34 that is trained from scratch on 500
real PCam patches at 32 px and the set, mean of {n} seeds. The sets are taken from the 1,024
candidates of `tune_configs/pcam_planted.yaml`. A full reward comes from the same trainings as the
truth, so the trainings that pay it are left out of the truth that it is compared with. All rewards
are scored on reward-val, the validation images that pay the learner.

**The rewards.** `full` trains a ResNet34 from scratch. `finetune` trains the last stages of a
finished feature extractor on, from the stage that is named. `probe` fits a logistic head on frozen
features. The word after it says what the extractor was trained on: `real` is the same 500 real
images, as in a run; `others` is 2,000 other patches; `folds` is the half of the real images that
the head does not see, both ways round.

**The columns.** Accuracy, AUC and log-loss are Spearman's rank correlation of that reward with the
truth, at one training a set: the mean over seeds, and in brackets the lowest seed. Signal-to-noise
is for the AUC: the variance between sets, divided by the variance of one set over seeds after the
effect that a seed has on all sets is taken out. Seconds are the median of one evaluation on one
core, without what is prepared once (the extractor, its feature maps). A reward without a
signal-to-noise was tried with one seed and given up, as too expensive for what it said.
"""


def fidelity_section(record: dict[str, Any], name: str) -> str:
    """How well each way to pay ranks sets, what it costs, and how much of it is noise."""
    rows, truth = record["summary"]["rows"], record["summary"]["truth"]
    lines = [
        "## Which cheap reward says most about full training",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}; config "
        f"`{record['config']['config_hash']}`; record `{name}.json`, by "
        f"`python benchmarks/{name}.py`.",
        "",
        INTRODUCTION.format(n=record["n"]),
    ]
    for family, description in FAMILIES.items():
        num_sets = sum(key.startswith(family) for key in truth)
        lines += [
            f"### {family.capitalize()}: {num_sets} sets, {description}",
            "",
            _row("reward", "seconds", *METRICS.values(), "signal-to-noise", "per second"),
            _row("---", *["---:"] * 6),
        ]
        found = [row for row in rows if row["family"] == family]
        for variant in dict.fromkeys(row["variant"] for row in found):
            of = {(r["metric"], r["repeats"]): r for r in found if r["variant"] == variant}
            lines.append(_variant(variant, of, 1))
            if variant == "full":
                lines += [_variant(f"full, mean of {n}", of, n) for n in (2, 4)]
        lines.append("")
    lines += [*_effects(record["summary"]["effects"]), *_conclusion(rows)]
    return "\n".join(lines)


def _conclusion(rows: list[dict[str, Any]]) -> list[str]:
    """What the defaults of the product follow from."""
    wide = {
        row["variant"]: row
        for row in rows
        if (row["metric"], row["family"], row["repeats"]) == ("auc", "wide", 1)
    }
    probe, full = wide["probe, real"], wide["full"]
    steady = [
        row
        for name, row in wide.items()
        if name.startswith("finetune, real") and row["signal_to_noise"] is not None
        and row["spearman_accuracy_min"] >= STEADY
    ]  # fmt: skip
    lines = [
        "**What follows.** The product's default reward is the AUC of a probe (`fidelity: probe`, "
        f"`metric: auc`). On wide sets its correlation is {probe['spearman_accuracy']:.2f}, that "
        f"of a full training {full['spearman_accuracy']:.2f}, and a full training takes "
        f"{full['seconds'] / probe['seconds']:,.0f} times as long."
    ]
    if steady:
        best = min(steady, key=lambda row: row["seconds"])
        lines[0] += (
            f" The default of `fidelity: finetune` is the cheapest setting on a run's own "
            f"extractor whose every seed reaches {STEADY:g}: {best['variant']}."
        )
    lines += [
        "",
        "Two limits show in the tables. A probe on features that were fitted to the same real "
        "images sees that bad candidates harm, and does not see that good ones help; a "
        "cross-fitted one (`folds`) sees both, about as full training does, but so far only this "
        "benchmark has one. And narrow sets, which differ by chance alone, are ranked well by no "
        "reward, full training included.",
        "",
    ]
    return lines


def _effects(effects: dict[str, Any]) -> list[str]:
    sets = list(next(iter(effects.values())))
    lines = [
        "### Gain and harm",
        "",
        "What a set adds to the real images: AUC with it less AUC of the real images alone, mean ± "
        "sample std over seeds. The first row is the truth, on test; the others are rewards.",
        "",
        _row("reward", *(name.removeprefix("wide ") for name in sets)),
        _row("---", *["---:"] * len(sets)),
    ]
    for name, of_set in effects.items():
        cells = (f"{of_set[one]['mean']:+.3f} ± {of_set[one]['std']:.3f}" for one in sets)
        lines.append(_row(name, *cells))
    return [*lines, ""]


def _variant(name: str, of: dict[tuple[str, int], dict[str, Any]], repeats: int) -> str:
    auc = of["auc", repeats]
    correlations = []
    for metric in METRICS:
        row = of[metric, repeats]
        least = row["spearman_accuracy_min"]
        correlations.append(f"{row['spearman_accuracy']:.2f} ({least:.2f})")
    return _row(
        name,
        f"{auc['seconds']:.2g}" if auc["seconds"] < 1 else f"{auc['seconds']:.1f}",
        *correlations,
        _ratio(auc["signal_to_noise"]),
        _ratio(auc["signal_to_noise_per_s"]),
    )


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
