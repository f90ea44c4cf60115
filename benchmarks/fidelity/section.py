"""The section of docs/benchmarks.md about fidelities."""

from typing import Any

METRICS = {"accuracy": "accuracy", "auc": "AUC", "log_loss": "log-loss"}
FAMILIES = {
    "wide": "from none to all, from only right to only wrong labels",
    "narrow": "independent coin flips, about half of the pool each",
}

CONCLUSION = """\
The defaults of the product follow from this: `fidelity: probe` and `metric: auc`, which on wide
sets say most for their price by a factor of hundreds, and as `finetune` the cheapest setting whose
every seed reached .8. A probe on features that were fitted to the same real images sees harm and no
gain; cross-fitted it sees both, much as full training does, and is the steadiest. Narrow sets
differ by chance alone, and no reward ranks them well, full training included."""


def fidelity_section(record: dict[str, Any], name: str) -> str:
    """How well each way to pay ranks sets, what it costs, and how much of it is noise."""
    rows, truth = record["summary"]["rows"], record["summary"]["truth"]
    lines = [
        "## Which cheap reward says most about full training",
        "",
        f"{record['device']}; torch {record['versions']['torch']}; config "
        f"`{record['config_hash']}` of rlsel {record['versions']['rlsel']}; record `{name}.json`, "
        f"by `python benchmarks/{name}.py`. Real PCam, 500 real patches at 32 px and sets out of "
        "the 1,024 candidates of "
        f"`tune_configs/pcam_planted.yaml`. The truth of a set is its test accuracy after full "
        f"training on real + set, mean of {record['n']} seeds; the trainings of the truth that a "
        "full reward is paid by are left out of the truth it is compared with. Rewards are of "
        "reward-val.",
        "",
        "Spearman's rank correlation with the truth at one training a set, the mean over seeds of "
        "extractor and training (in brackets the least). Signal-to-noise is the variance between "
        "sets over what is left of a set's variance over seeds when the common effect of a seed is "
        "taken out, for the AUC. Seconds are of one evaluation on one core, median; what is "
        "prepared once (the extractor, its feature maps) is left out. `real`: the extractor was "
        "trained on the same 500 real images; `others`: on 2,000 other patches; `folds`: on the "
        "half of the real images that the head does not see, both ways. A reward without a "
        "signal-to-noise was tried with one seed alone, and given up as too dear for what it said.",
        "",
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
    lines += [*_effects(record["summary"]["effects"]), CONCLUSION, ""]
    return "\n".join(lines)


def _effects(effects: dict[str, Any]) -> list[str]:
    sets = list(next(iter(effects.values())))
    lines = [
        "### Gain and harm",
        "",
        "AUC with the set less AUC with the real images alone, mean ± sample std over seeds.",
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
