"""The pages of benchmarks are what the records say, and whoever points to them points right."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tables
from findings import claims
from findings.gaps import gap_lines
from findings.gpu import gpu_claims
from findings.selection import selection_claims
from recording import Record
from whole_runs.section import TITLES

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
POINTING = ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "rlsel/**/*.py", "envs/**/*.py",
            "benchmarks/**/*.py", "tune_configs/*.yaml")  # fmt: skip
REFERENCE = re.compile(r'(benchmarks(?:/\w+)?\.md)\)?,[\s#]*"([^"]+)"')
"""As `docs/benchmarks/speed.md, "Evaluators and episodes"`, as a link too, and over the end of a
line."""
LINK = re.compile(r"\]\(([^)\s]+)\)")


@cache
def records() -> dict[str, Record]:
    return tables.read_records()


@cache
def pages() -> dict[Path, str]:
    return tables.pages(records())


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)


def texts() -> Iterator[tuple[Path, str]]:
    for pattern in POINTING:
        for path in sorted(REPOSITORY.glob(pattern)):
            yield path, path.read_text()


def test_the_pages_are_what_tables_py_makes_of_the_records() -> None:
    on_disk = {DOCS / "benchmarks.md", *(DOCS / "benchmarks").iterdir()}

    assert on_disk == pages().keys()
    for path, text in pages().items():
        assert path.read_text() == text, f"{path.name} is stale: python benchmarks/tables.py"


def test_the_table_of_the_readme_is_what_tables_py_makes_of_the_records() -> None:
    text = tables.README.read_text()

    assert text == tables.readme(text, records())


def test_every_link_of_the_pages_leads_to_a_file_and_a_heading_there_is() -> None:
    for path, text in pages().items():
        for target in LINK.findall(text):
            name, _, anchor = target.partition("#")
            assert "://" not in target
            linked = (path.parent / name).resolve()
            assert linked.exists(), f"{path.name}: {target}"
            if anchor:
                anchors = [claims.slug(title) for title in headings(linked.read_text())]
                assert anchors.count(anchor) == 1, f"{path.name}: {target}"


def test_whoever_names_a_section_of_the_pages_names_one_there_is() -> None:
    found = 0
    for path, text in texts():
        for page, title in REFERENCE.findall(text):
            found += 1
            known = headings((DOCS / page).read_text())
            assert re.sub(r"\s+", " ", title) in known, f"{path}: {page} has no section {title!r}"
    assert found > 5


def test_no_image_of_the_pages_is_missing_and_no_path_is_absolute() -> None:
    images = [target for text in pages().values() for target in LINK.findall(text) if
              target.endswith(".png")]  # fmt: skip

    assert len(images) == 3
    assert not any(target.startswith("/") for text in pages().values() for target in
                   LINK.findall(text))  # fmt: skip


def run(seed: int, accuracies: Mapping[str, float]) -> dict:
    rounds = {
        method: dict.fromkeys(("accuracy", "auc", "sensitivity", "specificity"), [accuracy] * 2)
        for method, accuracy in accuracies.items()
    }
    return {"seed": seed, "scores": rounds, "num_kept": dict.fromkeys(accuracies, 7)}


def whole_run(over_uniform: float, over_rule: float) -> Record:
    """Three seeds, of which the controller is ahead by so much, give or take a thousandth."""
    generator = np.random.default_rng(0)
    cells = {
        f"seed {seed}": run(
            seed,
            {
                "real_only": 0.6,
                "keep_all": 0.6,
                "uniform": 0.7 - over_uniform + generator.normal(0, 1e-3),
                "centroid": 0.7 - over_rule + generator.normal(0, 1e-3),
                "controller": 0.7,
            },
        )
        for seed in range(3)
    }
    return {"cells": cells, "hardware": "a processor", "summary": {}, "n": 3}


@pytest.mark.parametrize(
    ("gain", "works", "words"),
    [(0.1, True, "beats"), (0.0, False, "is not shown to beat"), (-0.1, False, "is worse than")],
)
def test_a_claim_stands_where_its_interval_puts_it(gain: float, works: bool, words: str) -> None:
    claim = next(selection_claims({"whole_run_default": whole_run(gain, 0.0)}))

    assert claim.works == works
    assert f"learned selection {words} random selection" in claim.headline


def test_a_claim_ends_with_n_and_its_table_and_with_hardware_that_is_not_the_usual() -> None:
    record = whole_run(0.1, 0.0)
    claim = next(selection_claims({"whole_run_default": record}))

    table = f"[table](benchmarks/whole_runs.md#{claims.slug(TITLES['default'])})"
    assert claim.text("a processor").endswith(f" (n = 3 seeds, 2 trainings each; {table})")
    assert claim.text("other").endswith(f" (n = 3 seeds, 2 trainings each; a processor; {table})")


def test_a_bound_that_three_digits_would_show_as_nothing_has_four() -> None:
    gains = np.array([0.001, 0.0011, 0.0012, 0.0001, 0.0005])

    assert claims.difference(gains) == "+.001 [+.0002, +.001]"
    assert claims.difference(np.array([0.25])).startswith("+.250 (one value")


def test_what_no_gpu_has_run_is_said_until_one_has() -> None:
    without = {"whole_run_default": {"hardware": "a processor", "cells": {}}}
    names = ("gpu_correct", "reward_throughput_cuda", "generator_speed_cuda", "gpu_paper")
    on_gpu = {name: {"hardware": "a GPU", "cells": {}} for name in names}

    assert any("Nothing here was run on a GPU" in line for line in gap_lines(without))
    assert not any("GPU" in line or "32 px" in line for line in gap_lines(on_gpu))
    partly = [*gap_lines({"gpu_correct": on_gpu["gpu_correct"]})]
    assert partly[0].startswith("- **On a GPU nobody has measured** how fast rewards are")


def test_what_a_gpu_got_wrong_stands_under_what_does_not_work() -> None:
    def checked(failed: list[str], *kinds: str) -> Record:
        part = {"passed": 5 - len(failed), "checks": 5, "failed": failed}
        summary = dict.fromkeys(kinds, part)
        return {"summary": summary, "cells": dict.fromkeys("abcde"), "hardware": "a GPU"}

    kinds = ("agreement", "repeats", "shortage")
    (well,) = gpu_claims({"gpu_correct": checked([], *kinds)})
    (badly,) = gpu_claims({"gpu_correct": checked(["probe, fp32"], *kinds)})
    (unfinished,) = gpu_claims({"gpu_correct": checked([], "agreement")})

    assert well.works
    assert not badly.works
    assert not unfinished.works
    assert "agreement 4 of 5, repeats 4 of 5 and shortage 4 of 5" in badly.details
    assert "Not passed: probe, fp32" in badly.details


@pytest.mark.parametrize(
    ("title", "anchor"),
    [
        ("The built-in default (`rlsel run`)", "the-built-in-default-rlsel-run"),
        ("Beds, 1,024 evaluations", "beds-1024-evaluations"),
        ("`mixed`, kind by kind", "mixed-kind-by-kind"),
    ],
)
def test_an_anchor_is_that_of_github_and_of_python_markdown(title: str, anchor: str) -> None:
    assert claims.slug(title) == anchor
