import dataclasses
import io
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from fake_run import CHOSEN_ITERATION, write_fake_run
from markupsafe import escape
from rich.console import Console

from rlsel.errors import InputError
from rlsel.reporting import print_table, write_report
from rlsel.reporting.training_figures import draw_reward
from rlsel.runs.read import read_run
from rlsel.runs.record import Record

HOSTILE = ("<i>", '--><script>alert("1")</script>', "_$x$ 正常/..")
FULL_FIGURES = {"scores", "free_sets", "reward", "health", "keep_probability", "distances"}


@pytest.fixture(scope="module")
def full_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    write_fake_run(folder, HOSTILE[:2], num_per_class=41, image_px=13)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(full_run):
    return (full_run / "report.html").read_text()


@pytest.fixture(scope="module")
def bare_run(tmp_path_factory):
    """No controller, no truth, one round, a class that nothing was kept of, NaN in scores."""
    folder = tmp_path_factory.mktemp("bare")
    record = write_fake_run(
        folder,
        HOSTILE,
        has_truth=False,
        has_controller=False,
        num_rounds=1,
        num_per_class=3,
        image_px=13,
    )
    record.scores["uniform"]["auc"][0] = math.nan
    bare = dataclasses.replace(
        record, warnings=[], notes=[], noise={}, stage_s={}, peak_memory_gib=math.nan, versions={}
    )
    bare.write(folder)
    write_report(folder)
    return folder


class Tags(HTMLParser):
    """Collects tags, their attributes, and those that were never closed."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag


def test_page_refers_to_nothing_outside_itself(page):
    for name, value in Tags(page).attributes:
        if name in {"src", "href", "xlink:href", "srcset", "action", "data"}:
            assert value.startswith(("data:", "#")), (name, value[:80])
    assert not re.search(r"https?://|@import|url\((?!#)", page)


def test_page_runs_no_script(page):
    tags = Tags(page)
    assert not tags.names & {"script", "link", "iframe", "object", "embed"}
    assert not [name for name, _ in tags.attributes if name.startswith("on")]


def test_every_tag_is_closed_in_order(page, bare_run):
    assert Tags(page).open == []
    assert Tags((bare_run / "report.html").read_text()).open == []


def test_names_and_config_of_the_user_are_shown_but_never_run(page):
    for name in HOSTILE[:2]:
        assert name not in page
        assert escape(name) in page
    assert escape('note: "<script>') in page


def test_ids_are_unique_across_figures(page):
    found = re.findall(r'\sid="([^"]+)"', page)
    assert len(found) == len(set(found)) > 0


def test_references_within_figures_lead_somewhere(page):
    targets = re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', page)
    assert targets
    assert set(targets) <= set(re.findall(r'\sid="([^"]+)"', page))


def test_figures_are_saved_as_files_of_their_own(full_run):
    assert {path.stem for path in (full_run / "figures").glob("*.svg")} == FULL_FIGURES
    sheets = list((full_run / "figures").glob("contact_sheet_*.png"))
    assert len(sheets) == 2 * 4
    assert all(path.parent == full_run / "figures" for path in sheets)


def test_the_ring_stands_at_the_iteration_that_was_chosen(full_run):
    run = read_run(full_run)
    validation_T = run.column("selection_val")
    assert run.iterations[int(np.nanargmax(validation_T))]["iteration"] != CHOSEN_ITERATION

    figure = draw_reward(run)

    rings = [line for line in figure.axes[1].lines if line.get_markerfacecolor() == "none"]
    chosen = next(row for row in run.iterations if row["iteration"] == CHOSEN_ITERATION)
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings] == [
        (chosen["evaluations"], chosen["selection_val"])
    ]


def test_colours_follow_the_scheme_of_the_reader(page):
    svgs = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(svgs) == len(FULL_FIGURES)
    assert all("var(--ink)" in svg and "#1d2126" not in svg for svg in svgs)


def test_page_shows_every_score_as_mean_and_std(full_run, page):
    for scores in Record.read(full_run).scores.values():
        a, b, c = scores["accuracy"]
        mean = (a + b + c) / 3
        std = math.sqrt(((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2) / 2)
        assert f"{mean:.3f} ± {std:.3f}".replace("0.", ".") in page


def test_page_tells_cost_truth_and_how_to_reproduce(page):
    for text in ("1,128", "152", "6.4 GiB", "1 h 23 min", "kNN label agreement", "flipped label"):
        assert text in page
    assert "rlsel run tune_configs/planted_pool.yaml --seed 7" in page
    assert "Rewards spread no more than" in page


def test_drawing_again_gives_the_same_page(bare_run):
    page = (bare_run / "report.html").read_text()
    assert write_report(bare_run) == bare_run / "report.html"
    assert (bare_run / "report.html").read_text() == page


def test_what_a_run_lacks_is_left_out(bare_run):
    page = (bare_run / "report.html").read_text()
    assert "How the controller learned" not in page
    assert "planted truth" not in page
    assert "None" not in re.sub(r"data:[^\"]+", "", page)
    assert "nan" not in re.sub(r"<svg.*?</svg>|data:[^\"]+", "", page, flags=re.DOTALL)
    assert {path.stem for path in (bare_run / "figures").glob("*.svg")} == {"scores", "distances"}


def test_unfinished_run_says_how_to_resume_it(tmp_path):
    record = write_fake_run(tmp_path, num_per_class=2, image_px=3)
    dataclasses.replace(record, finished=False).write(tmp_path)
    with pytest.raises(InputError, match="is not finished: resume it with"):
        write_report(tmp_path)
    (tmp_path / "record.json").unlink()
    with pytest.raises(InputError, match="is not finished: resume it with"):
        write_report(tmp_path)
    (tmp_path / "config.yaml").unlink()
    with pytest.raises(InputError, match="not a run folder"):
        write_report(tmp_path)
    with pytest.raises(InputError, match="there is no such run folder"):
        write_report(tmp_path / "elsewhere")


def test_resumed_iterations_replace_earlier_ones_and_a_torn_line_is_dropped(tmp_path):
    Record(name="a", config_hash="0", seed=0, finished=True).write(tmp_path)
    rows = [
        {"iteration": i, "reward_mean": r} for i, r in ((1, 0.1), (2, 0.2), (2, 0.3), (3, None))
    ]
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "iterations.jsonl").write_text("\n".join([*lines, '{"iteration": 4, "rew']))
    run = read_run(tmp_path)
    assert run.column("iteration").tolist() == [1, 2, 3]
    assert run.column("reward_mean")[1] == 0.3
    assert math.isnan(run.column("reward_mean")[2])
    (tmp_path / "iterations.jsonl").write_text("\n".join(["{torn", *lines]))
    with pytest.raises(InputError, match=r"iterations\.jsonl: line 1"):
        read_run(tmp_path)


def test_terminal_shows_the_numbers_of_the_page(full_run):
    record = Record.read(full_run)
    hostile = dataclasses.replace(record, warnings=["[red]not markup[/nothing]"])
    console = Console(file=io.StringIO(), width=140)
    print_table(hostile, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for text in ("controller", "1,128 evaluations trained", "kNN label agreement", "flipped label"):
        assert text in shown
    assert "[red]not markup[/nothing]" in shown
    assert "The learned selection scores" in shown


def test_a_terminal_of_80_columns_cuts_no_number_off(full_run):
    record = Record.read(full_run)
    console = Console(file=io.StringIO(), width=80)
    print_table(record, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert {".71", ".19", ".38", str(record.num_kept["uniform"])} <= set(shown.split())


def test_terminal_manages_without_scores():
    console = Console(file=io.StringIO(), width=80)
    print_table(Record(name="a", config_hash="0", seed=0, finished=True), console)
    assert "This run has no test scores." in console.file.getvalue()  # type: ignore[attr-defined]


def test_classes_of_any_name_have_sheets_of_their_own(tmp_path):
    class_names = ("<5mm", ">5mm", "良" * 100, "a/b", "Normal", "normal")
    write_fake_run(tmp_path, class_names, num_per_class=41, image_px=13)

    page = write_report(tmp_path).read_text()

    names = {path.name for path in (tmp_path / "figures").glob("contact_sheet_*.png")}
    assert len({name.casefold() for name in names}) == len(class_names) * 4
    assert not [name for name in names if len(name.encode()) > 255 or set("<>/") & set(name)]
    assert all(escape(name) in page for name in class_names)
