"""What a reader sees of the sets that were tried before anything was learned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_run import write_fake_run

from rlsel.reporting import write_report
from rlsel.reporting.free_sets import best_free_set, draw_free_sets
from rlsel.reporting.style import BLUE, VERMILLION
from rlsel.reporting.tables import finalists_table
from rlsel.reporting.verdict import remarks, verdict
from rlsel.runs.read import Run, read_run
from rlsel.runs.record import FreeSets, Recommendation, Record, TriedSet


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("run")
    write_fake_run(path)
    return read_run(path)


def with_best(record: Record, score: str, fraction: float) -> Record:
    best = TriedSet(score=score, fraction=fraction, reward_val=0.9, selection_val=0.85)
    other = TriedSet(score="none", fraction=0.0, reward_val=0.8, selection_val=0.79)
    sets = [best] if score == "none" else [other, best]
    return replace(record, free_sets=FreeSets(metric="auc", sets=sets, best=len(sets) - 1))


def test_the_sentence_names_score_share_and_what_chose_nothing(run: Run) -> None:
    said = best_free_set(run.record)

    assert "Of 23 sets" in said
    assert "62% of the candidates with the best kNN label agreement" in said
    assert "AUC .828 on selection-val (no candidate .794, all of them .784)" in said
    assert said in remarks(run.record)


@pytest.mark.parametrize(
    ("score", "fraction", "words"),
    [
        ("none", 0.0, "none of the candidates"),
        ("all", 1.0, "every candidate"),
        ("all", 0.5, "a random 50%"),
    ],
)
def test_none_all_and_a_random_share_are_said_as_such(
    run: Run, score: str, fraction: float, words: str
) -> None:
    assert words in best_free_set(with_best(run.record, score, fraction))


def test_a_run_that_tried_none_says_and_draws_nothing(run: Run) -> None:
    without = replace(run.record, free_sets=None)

    assert best_free_set(without) == ""
    assert draw_free_sets(replace(run, record=without)) is None


def test_without_test_scores_the_sentence_is_the_verdict(run: Run) -> None:
    unscored = replace(run.record, scores={}, classification={})

    assert verdict(unscored) == f"{best_free_set(unscored)} This run has no test scores."


def test_every_score_has_a_panel_from_none_to_all_and_the_best_has_a_ring(run: Run) -> None:
    figure = draw_free_sets(run)

    assert figure is not None
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title(loc="left") or panel.get_title() for panel in shown] == [
        "distance to own centroid",
        "kNN label agreement",
        "nearness to a real image",
    ]
    for panel in shown:
        for colour in (BLUE, VERMILLION):
            line = next(
                one
                for one in panel.lines
                if one.get_color() == colour and len(np.atleast_1d(one.get_xdata())) > 1
            )
            assert np.array(line.get_xdata())[[0, -1]].tolist() == [0.0, 1.0]
    rings = [[one for one in panel.lines if one.get_markersize() == 9] for panel in shown]
    assert [len(of_panel) for of_panel in rings] == [0, 1, 0]
    assert rings[1][0].get_xdata() == [0.625]


def test_the_page_has_picture_and_sentence(tmp_path: Path) -> None:
    write_fake_run(tmp_path)

    page = write_report(tmp_path).read_text(encoding="utf-8")

    assert "What is free" in page
    assert (tmp_path / "figures" / "free_sets.svg").exists()


def recommending(record: Record, method: str, leader: str) -> Record:
    scores = {"real_only": [0.80, 0.81], "free": [0.84, 0.85], "controller": [0.86, 0.88]}
    made = Recommendation(
        method=method,
        leader=leader,
        fidelity="full",
        metric="auc",
        scores=scores,
        num_kept={"real_only": 0, "free": 320, "controller": 1256},
    )
    return replace(record, recommendation=made)


def test_the_first_sentence_says_what_is_recommended_and_why(run: Run) -> None:
    said = verdict(recommending(run.record, "controller", "controller"))

    assert said.startswith(
        "Recommended: controller (1,256 candidates kept). Trained from scratch 2 times, it reaches "
        "AUC .870 on selection-val, against real only .805, best free set .845."
    )


def test_a_leader_that_is_not_clearly_better_is_named(run: Run) -> None:
    said = verdict(recommending(run.record, "free", "controller"))

    assert "Recommended: best free set (320 candidates kept)" in said
    assert "Controller is higher, but not clearly enough" in said


def test_the_finalists_have_a_table(run: Run) -> None:
    table = finalists_table(recommending(run.record, "free", "controller"))

    assert table is not None
    assert [row.label for row in table.rows] == ["real only", "best free set", "controller"]
    assert [row.emphasis for row in table.rows] == ["", "learned", ""]
    assert finalists_table(run.record) is None
