"""Writes docs/benchmarks.md, docs/benchmarks/ and the README's table: no figure is typed by hand.

python benchmarks/tables.py
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fidelity.section import fidelity_section
from findings.page import findings_page
from generation.sections import quality_section, recipes_section, speed_section
from gpu.section import correct_section, paper_section
from planted_truth.fault_section import fault_section
from planted_truth.loop_section import loop_section
from planted_truth.planted_figures import draw_curves
from planted_truth.planted_section import planted_section
from recording import Record, read_record
from scaling.limit_section import limit_section
from scaling.pool_section import memory_section, pool_section
from scaling.section import scaling_section
from throughput.decoding_section import decoding_section
from throughput.sections import growth_section, ledger_section, throughput_section
from whole_runs.section import readme_table, whole_run_section

from rlsel.machine.atomic_files import write_text

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
README = HERE.parent / "README.md"
MARKERS = ("<!-- scores, by benchmarks/tables.py -->", "<!-- end of scores -->")
PLANTED = ("planted_truth_learn", "planted_truth_beds", "planted_truth_select")
Records = Mapping[str, Record]
Section = Callable[..., str]
"""(records, name of the first) -> Markdown that begins with a heading of the second level."""


@dataclass(frozen=True)
class Page:
    """A page of tables, in docs/benchmarks/."""

    name: str
    sections: dict[str | tuple[str, ...], Section]
    """Name of a record, or of several -> what is written of it, once it is there and finished."""
    title: str = ""
    """Of pages with several sections; of others the heading of the section is the title."""
    introduction: str = ""

    @property
    def path(self) -> Path:
        return DOCS / "benchmarks" / f"{self.name}.md"


PAGES = (
    Page(
        "whole_runs",
        {
            "whole_run_default": whole_run_section,
            "whole_run_pcam_planted": whole_run_section,
            "whole_run_pcam_small": whole_run_section,
            "gpu_paper": paper_section,
        },
        "Whole runs",
        """\
These are ordinary runs of `rlsel run`, from images to final scores. A score is that of a ResNet34
that was trained afresh on the real images and a method's candidates, on test images that nothing
else in the run has seen. *Real only* uses no candidate, *keep all* every one. The *oracle* keeps
the candidates that are known to be useful, which only a pool with planted faults can tell. All
other methods keep as many candidates as the controller, which is the learned selection.
""",
    ),
    Page("planted_truth", {PLANTED: planted_section}),
    Page("faults", {"fault_truth": fault_section}),
    Page("reward_fidelity", {"reward_fidelity": fidelity_section}),
    Page(
        "speed",
        {
            "reward_throughput": throughput_section,
            "reward_throughput_cuda": throughput_section,
            "gpu_correct": correct_section,
            "cost_growth": growth_section,
            "pool_size": pool_section,
            "pool_memory": memory_section,
            "memory_limit": limit_section,
            "evaluator_scaling": scaling_section,
            "learning_loop": loop_section,
            "ledger_speed": ledger_section,
            "decoding": decoding_section,
        },
        "Speed, memory and scaling",
        """\
An *evaluation* is one reward: a classifier is trained on real images and a set of candidates, and
scored. An *evaluator* is a process that does evaluations, and the *broker* is the one that hands
them out.
""",
    ),
    Page(
        "generators",
        {
            "generator_speed": speed_section,
            "generator_speed_cuda": speed_section,
            "generator_recipes": recipes_section,
            "generator_quality_histogan_small": quality_section,
            "generator_quality_histogan_pcam": quality_section,
        },
        "The generator",
        """\
The generator is a conditional GAN that is trained on the real training images and makes candidates
of each class.
""",
    ),
)


def main() -> None:
    records = read_records()
    written = pages(records)
    for path, text in written.items():
        write_text(path, text)
    for path in (DOCS / "benchmarks").glob("*.md"):
        if path not in written:
            path.unlink()
    if all(name in records for name in PLANTED):
        draw_curves(records[PLANTED[0]]["cells"], records[PLANTED[1]]["cells"])
    write_text(README, readme(README.read_text(), records))


def read_records() -> dict[str, Record]:
    """Name -> every record there is."""
    return {path.stem: read_record(path) for path in sorted((HERE / "records").glob("*.json"))}


def pages(records: Records) -> dict[Path, str]:
    """The page of findings and all pages of tables."""
    return {DOCS / "benchmarks.md": findings_page(records)} | {
        page.path: text for page in PAGES if (text := _text(page, records))
    }


def readme(text: str, records: Records) -> str:
    """With the table between its markers made anew."""
    before, _, rest = text.partition(MARKERS[0])
    after = rest.partition(MARKERS[1])[2]
    table = readme_table(records["whole_run_pcam_planted"])
    return before + "\n".join((MARKERS[0], *table, MARKERS[1])) + after


def _text(page: Page, records: Records) -> str:
    """Nothing where no section has its record."""
    sections = list(_sections(page, records))
    if not sections:
        return ""
    if page.title:
        head, body = [f"# {page.title}", "", page.introduction], sections
    else:
        head, body = [], [re.sub("^#", "", section, flags=re.MULTILINE) for section in sections]
    text = "\n".join([*head, *body]).rstrip("\n")
    return f"{text}\n\n[What was found, on one page](../benchmarks.md)\n"


def _sections(page: Page, records: Records) -> Iterator[str]:
    for key, section in page.sections.items():
        names = (key,) if isinstance(key, str) else key
        if all(name in records for name in names) and records[names[0]]["summary"]:
            yield section(*(records[name] for name in names), names[0])


if __name__ == "__main__":
    main()
