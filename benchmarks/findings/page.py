"""docs/benchmarks.md."""

from collections import Counter
from collections.abc import Mapping

from recording import Record

from .choices import choice_claims
from .claims import link
from .cost import cost_claims
from .gaps import gap_lines
from .gpu import gpu_claims
from .rewards import reward_claims
from .selection import selection_claims
from .truth import truth_claims

TABLES = {
    "whole_runs": "ordinary runs, end to end: scores of every method, time and memory",
    "planted_truth": "what is learned where the truth is known, and what every choice changes",
    "faults": "what each kind of fault does to a classifier",
    "reward_fidelity": "which cheap reward says most about full training",
    "speed": "evaluations, memory, evaluators, the learning loop and the ledger",
    "generators": "the GAN: its speed, and what it makes",
}
INTRODUCTION = """\
# Benchmarks: what was found

This page says what works, what does not, what it costs, and what nobody has run. Every result is
computed from the records in `benchmarks/records/` by `python benchmarks/tables.py`; none is typed
by hand. Each finding ends with the number of repetitions (n) and a link to its table.
{hardware}

How to read it:

- An accuracy of .799 means that 79.9% of the test images are classified correctly. AUC is the area
  under the ROC curve: 1 is perfect and .5 is chance.
- Square brackets hold the 95% interval of a paired difference, by Student's t. If it contains 0,
  these runs cannot tell the two apart. *Clearly* means that it does not contain 0. Nothing is
  corrected for the number of comparisons, unless a table says so.
- *Learned selection* keeps the candidates that the controller chose. *Random selection* (uniform)
  keeps as many, drawn at random. A *free score* ranks candidates without any reward; an example is
  the share of a candidate's real neighbours that have its label.
- A *bed* is a pool of candidates in which faults were planted, so that it is known which candidates
  are useful. Two settings were chosen while looking at most of the draws that are shown here; the
  table of targets names the draws of each row, and some are fresh.
"""


def findings_page(records: Mapping[str, Record]) -> str:
    """One page; claims stand where their intervals put them."""
    claims = [
        *selection_claims(records),
        *gpu_claims(records),
        *truth_claims(records),
        *choice_claims(records),
        *reward_claims(records),
    ]
    hardware = Counter(record["hardware"] for record in records.values())
    usual = hardware.most_common(1)[0][0]
    said = "All of it was measured on" if len(hardware) == 1 else "Unless said, the hardware is"
    sections = {
        "What works": [claim.text(usual) for claim in claims if claim.works],
        "What does not work, or is no better than something simpler": [
            claim.text(usual) for claim in claims if claim.works is False
        ],
        "What else was found": [claim.text(usual) for claim in claims if claim.works is None],
        "What it costs": [claim.text(usual) for claim in cost_claims(records)],
        "What has never been run": [*gap_lines(records)],
        "All tables": [
            f"- {link(name.replace('_', ' '), name)}: {what}" for name, what in TABLES.items()
        ],
    }
    lines = [INTRODUCTION.format(hardware=f"{said} {usual}.")]
    for title, bullets in sections.items():
        if bullets:
            lines += [f"## {title}", "", *bullets, ""]
    return "\n".join(lines)
