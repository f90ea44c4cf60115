"""The conclusions that the numbers of a run allow, in words.

Methods are compared round by round, because round i trains every method with the same seed. A
difference is called clear if the 95% interval of its mean (Student's t) does not contain zero.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from rlsel.metrics import mean_and_std
from rlsel.reporting.free_sets import best_free_set
from rlsel.reporting.recommended import recommended
from rlsel.reporting.wording import decimal, in_order, is_free, label, mean_with_std, rounds, signed
from rlsel.runs.record import Record

METRIC = "accuracy"
MORE_THAN_A_SEED = (
    "The rounds retrain the classifier on the one selection made here: another pool, split or seed "
    "of the whole run may move these numbers by more than the spread shown."
)


@dataclass(frozen=True)
class Comparison:
    """Test scores of one method minus those of another, over the rounds that both have."""

    mean: float
    num_rounds: int
    half_width: float
    """Half of the 95% interval; NaN with fewer than two rounds, or rounds without any spread."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero; False if the interval is unknown."""
        return abs(self.mean) > self.half_width

    @property
    def interval(self) -> str:
        """As `−.004 to +.040`, with no-break spaces; empty if the interval is unknown."""
        if math.isnan(self.half_width):
            return ""
        low, high = self.mean - self.half_width, self.mean + self.half_width
        return f"{signed(low)}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{signed(high)}"


def compare(record: Record, method: str, reference: str, metric: str = METRIC) -> Comparison | None:
    """The paired comparison, or None if the two methods share no round."""
    ours = record.scores.get(method, {}).get(metric, [])
    theirs = record.scores.get(reference, {}).get(metric, [])
    pairs = [a - b for a, b in zip(ours, theirs, strict=False) if math.isfinite(a - b)]
    if not pairs:
        return None
    mean, std = mean_and_std(pairs)
    n = len(pairs)
    half_width = float(stdtrit(n - 1, 0.975)) * std / math.sqrt(n) if std > 1e-12 else math.nan
    return Comparison(mean=mean, num_rounds=n, half_width=half_width)


def verdict(record: Record) -> str:
    """What is recommended, if the run compared finalists; then one sentence that compares the
    learned selection with uniform selection, or a substitute."""
    return f"{recommended(record)} {_verdict(record)}".strip()


def _verdict(record: Record) -> str:
    if not _scored(record):
        said = _of_candidates(record) or f"{best_free_set(record)} This run has no test scores."
        return said.strip()
    if "controller" not in _scored(record):
        listed = "; ".join(
            f"{label(method)} {mean_with_std(record.scores[method][METRIC])}"
            for method in _scored(record)
        )
        n = max(len(record.scores[method][METRIC]) for method in _scored(record))
        return (
            f"No controller was among the selectors. {METRIC.capitalize()} on test "
            f"({rounds(n)}): {listed}."
        )
    values = record.scores["controller"][METRIC]
    start = (
        f"The learned selection scores {mean_with_std(values)} {METRIC} on test "
        f"({rounds(len(values))})"
    )
    for reference in ("uniform", "real_only"):
        if comparison := compare(record, "controller", reference):
            return f"{start}, {_difference(record, reference, comparison)}."
    return f"{start}; there is no uniform selection in this run to compare it with."


def remarks(record: Record) -> list[str]:
    """Sentences that qualify the verdict: best rival, upper bound, free scores, limits."""
    if "controller" not in _scored(record):
        return [MORE_THAN_A_SEED] if _scored(record) else []
    said = [
        *(_against_real_only(record), _rival(record), _oracle(record)),
        *(best_free_set(record), _free_score(record)),
    ]
    return [sentence for sentence in said if sentence] + [MORE_THAN_A_SEED]


def _of_candidates(record: Record) -> str:
    """The sentence for a run without a selection: scores of training on candidates alone."""
    said = [
        f"{mean_with_std(record.classification[name][METRIC])} trained on {words} alone"
        for name, words in (("candidates", "candidates"), ("real", "real images"))
        if name in record.classification
    ]
    return f"{METRIC.capitalize()} on real test images: {', '.join(said)}." if said else ""


def _scored(record: Record) -> list[str]:
    """Methods with at least one finite value of the metric."""
    return [
        method
        for method in in_order(list(record.scores))
        if np.isfinite(record.scores[method].get(METRIC, [])).any()
    ]


def _mean(record: Record, method: str) -> float:
    return mean_and_std(record.scores[method][METRIC])[0]


def _difference(record: Record, reference: str, comparison: Comparison) -> str:
    name = "uniform selection" if reference == "uniform" else "training on real images only"
    found = f"{_above_or_below(comparison.mean)} {name}{_budget(record, reference)}"
    return f"{found}; {_certainty(comparison)}"


def _above_or_below(difference: float) -> str:
    if decimal(abs(difference)) == decimal(0.0):
        return "level with"
    return f"{decimal(abs(difference))} {'above' if difference > 0 else 'below'}"


def _budget(record: Record, reference: str) -> str:
    ours, theirs = record.num_kept.get("controller"), record.num_kept.get(reference)
    if reference != "uniform" or ours is None or theirs is None:
        return ""
    if ours == theirs:
        return " at equal budget"
    return f" (which kept {theirs:,} candidates, the controller {ours:,})"


def _certainty(comparison: Comparison) -> str:
    n = comparison.num_rounds
    if n == 1:
        return "one round cannot tell a difference from noise"
    if not comparison.interval:
        return f"all {rounds(n)} differ by the same, so nothing can be said of noise"
    judged = "clear" if comparison.is_clear else "not clear"
    return (
        f"with {rounds(n)} the difference is {judged} of training noise "
        f"(95% interval {comparison.interval})"
    )


def _against_real_only(record: Record) -> str:
    comparison = compare(record, "controller", "real_only")
    if comparison is None or "uniform" not in _scored(record):  # else the verdict says it
        return ""
    found = _above_or_below(comparison.mean)
    return f"It is {found} training on real images only; {_certainty(comparison)}."


def _rival(record: Record) -> str:
    """The best method that does not know the truth. Picking the best favours it by chance."""
    others = [m for m in _scored(record) if m not in ("controller", "oracle")]
    best = max(others, key=lambda method: _mean(record, method), default=None)
    if best is None:
        return ""
    reached = mean_with_std(record.scores[best][METRIC])
    if decimal(_mean(record, best)) == decimal(_mean(record, "controller")):
        return f"The controller is not ahead of {label(best)}, which reaches {reached} as well."
    if _mean(record, best) > _mean(record, "controller"):
        return f"The controller is not the best method here: {label(best)} reaches {reached}."
    comparison = compare(record, "controller", best)
    if comparison is None or best in ("uniform", "real_only"):  # already mentioned
        return ""
    certainty = _certainty(comparison)
    return f"The best of the other methods, {label(best)}, reaches {reached}; {certainty}."


def _oracle(record: Record) -> str:
    if "oracle" not in _scored(record):
        return ""
    reached = mean_with_std(record.scores["oracle"][METRIC])
    return f"A selection that knows the planted truth reaches {reached}."


def _free_score(record: Record) -> str:
    truth = record.truth or {}
    free = {m: row.get("auc", math.nan) for m, row in truth.items() if is_free(record, m)}
    free = {method: auc for method, auc in free.items() if math.isfinite(auc)}
    learned = truth.get("controller", {}).get("auc", math.nan)
    if not free or not math.isfinite(learned):
        return ""
    best = max(free, key=lambda method: free[method])
    return (
        f"Against the planted truth its keep probabilities have AUC {decimal(learned)}; the best "
        f"score that costs no evaluation, {label(best)}, has {decimal(free[best])}."
    )
