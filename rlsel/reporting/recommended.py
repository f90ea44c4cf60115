"""Which selection a run recommends, and why."""

from rlsel.metrics import mean_and_std, title_of
from rlsel.reporting.wording import decimal, label
from rlsel.runs.record import Recommendation, Record
from rlsel.selectors.free import METHOD

TRAINED = {
    "full": "trained from scratch",
    "finetune": "trained on from the extractor",
    "probe": "tried by a probe",
}

NAMED = ("real_only", "keep_all", METHOD, "controller")
"""Finalists that the sentence names; the table has all of them."""


def recommended(record: Record) -> str:
    """The recommendation in a sentence or two; empty if the run did not compare finalists."""
    made = record.recommendation
    if made is None:
        return ""
    metric, best = title_of(made["metric"]), made["method"]
    others = [
        f"{label(method)} {decimal(_mean(made, method))}"
        for method in made["scores"]
        if method != best and (method in NAMED or method == made["leader"])
    ]
    said = (
        f"Recommended: {label(best)} ({made['num_kept'][best]:,} candidates kept). {_how(made)}, "
        f"it reaches {metric} {decimal(_mean(made, best))} on selection-val, against "
        f"{', '.join(others)}."
    )
    if made["leader"] != best:
        said += (
            f" {label(made['leader']).capitalize()} is higher, but not clearly enough to leave "
            "what is simpler."
        )
    return said


def _how(made: Recommendation) -> str:
    num = len(next(iter(made["scores"].values())))
    how = TRAINED[made["fidelity"]].capitalize()
    return how if made["fidelity"] == "probe" else f"{how} {num} time{'s' if num > 1 else ''}"


def _mean(made: Recommendation, method: str) -> float:
    return mean_and_std(made["scores"][method])[0]
