"""What do rewards say, and what do faults do?"""

from collections.abc import Iterator, Mapping
from typing import Any

from planted_truth.fault_section import NAMES, VERDICTS
from recording import Record

from rlsel.reporting.wording import decimal, signed

from .claims import Claim, Source, in_words, listed

USED = "probe, real"
"""What a run is paid by unless it says otherwise: a probe on features of its own real images."""
FAULTS = "500 real, 10 epochs"
"""The setting that is nearest to an ordinary run."""
RANKED_WELL = 0.8
"""A rank correlation."""
TITLES = {
    "wide": "Wide: {n} sets, from none to all, from only right to only wrong labels",
    "narrow": "Narrow: {n} sets, independent coin flips, about half of the pool each",
}
Row = dict[str, Any]


def reward_claims(records: Mapping[str, Record]) -> Iterator[Claim]:
    """Of the records that are finished."""
    record = records.get("reward_fidelity", {})
    if record.get("summary"):
        yield _wide(record)
        yield _narrow(record)
        yield _harm_and_gain(record)
    record = records.get("fault_truth", {})
    if record.get("summary"):
        yield _faults(record)


def _wide(record: Record) -> Claim:
    rows, num = _rows(record, "wide")
    probe, full = rows[USED], rows["full"]
    works = probe["spearman_accuracy"] >= full["spearman_accuracy"]
    return Claim(
        works,
        f"The cheap reward ranks very different sets {'as well as' if works else 'less well than'} "
        "one full training does.",
        f"Over {num} sets, from all wrong labels to all right ones, the rank correlation with the "
        f"accuracy of full training is {_correlation(probe)} for a probe and {_correlation(full)} "
        f"for a single full training. A probe takes {probe['seconds']:.2g} s on one core and a "
        f"full training {full['seconds']:.0f} s.",
        _source(record, TITLES["wide"].format(n=num)),
    )


def _narrow(record: Record) -> Claim:
    rows, num = _rows(record, "narrow")
    # A reward that was tried with one seed has no signal-to-noise.
    tried = [row for row in rows.values() if row["signal_to_noise"] is not None]
    best = max(tried, key=lambda row: row["spearman_accuracy"])
    works = best["spearman_accuracy"] >= RANKED_WELL
    return Claim(
        works,
        f"Sets that differ by chance alone are ranked {'well' if works else 'poorly'} by "
        f"{'the best reward' if works else 'every reward'}.",
        f"Over {num} random halves of a pool, the rank correlation is {_correlation(rows[USED])} "
        f"for a probe and {_correlation(rows['full'])} for a single full training. The highest "
        f"mean of all rewards that were tried with {record['n']} seeds is {_correlation(best)} "
        f"(`{best['variant']}`). At the beginning of a run a controller tries such sets.",
        _source(record, TITLES["narrow"].format(n=num)),
    )


def _harm_and_gain(record: Record) -> Claim:
    effects = record["summary"]["effects"]
    bad, good = "wide 512 with 0% right", "wide 512 with 100% right"
    truth, probe = effects["truth: full training, test"], effects[USED]
    works = probe[good]["mean"] > probe[good]["std"]
    return Claim(
        works,
        "A probe sees that bad candidates harm, "
        f"{'and that good ones help' if works else 'but not that good ones help'}.",
        "512 candidates with wrong labels change the AUC of full training by "
        f"{_effect(truth[bad])} and that of a probe by {_effect(probe[bad])}. 512 with right "
        f"labels change it by {_effect(truth[good])} and {_effect(probe[good])} (± sample std over "
        "seeds). The probe's extractor was trained on the same real images, as in a run.",
        _source(record, "Gain and harm"),
    )


def _faults(record: Record) -> Claim:
    of: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    gains = {}
    for row in record["summary"]["kinds"]:
        if row["setting"] == FAULTS and row["metric"] == "log_loss":
            gains[row["kind"]] = row["gain_over_nothing"]
            if "verdict" in row:
                of[row["verdict"]].append(NAMES[row["kind"]])
    words = {
        "useless": "of no use, but no clear harm either",
        "helpful": "of help",
        "undecided": "undecided",
    }
    others = "; ".join(f"{words[word]}: {listed(of[word])}" for word in words if of[word])
    wrong = gains["wrong_label"]
    low, high = decimal(-wrong["high"]), decimal(-wrong["low"])
    return Claim(
        None,
        f"Of {in_words(sum(map(len, of.values())))} planted faults, clearly harmful to a "
        f"classifier: {listed(of['harmful']) if of['harmful'] else 'none'}.",
        "With 500 real patches and 10 epochs, wrong labels raise the log-loss by "
        f"{decimal(-wrong['mean'])} [{low}, {high}]. The others, by log-loss too, "
        f"are {others}.",
        Source(record, f"n = {record['n']} seeds", "faults", "Verdicts"),
    )


def _rows(record: Record, family: str) -> tuple[dict[str, Row], int]:
    """Reward -> its row, paid by the AUC of one training; and how many sets there are."""
    rows = {
        row["variant"]: row
        for row in record["summary"]["rows"]
        if (row["metric"], row["repeats"], row["family"]) == ("auc", 1, family)
    }
    return rows, sum(name.startswith(family) for name in record["summary"]["truth"])


def _correlation(row: Row) -> str:
    least = decimal(row["spearman_accuracy_min"], 2)
    return f"{decimal(row['spearman_accuracy'], 2)} (lowest seed {least})"


def _effect(figure: dict[str, float]) -> str:
    return f"{signed(figure['mean'])} ± {decimal(figure['std'])}"


def _source(record: Record, title: str) -> Source:
    return Source(record, f"n = {record['n']} seeds", "reward_fidelity", title)
