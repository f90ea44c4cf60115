"""The sets tried before anything was learned: a picture, and the best of them in words."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlsel.metrics import title_of
from rlsel.reporting.style import BLUE, GRID, VERMILLION, new_figure
from rlsel.reporting.wording import decimal, label
from rlsel.runs.read import Run
from rlsel.runs.record import FreeSets, Record, TriedSet
from rlsel.selectors.free import ALL, NONE

COLUMNS = 3


def draw_free_sets(run: Run) -> Figure | None:
    """A panel for each score: what its best candidates are worth, by their share of the pool."""
    tried = run.record.free_sets
    curves = _curves(tried) if tried else {}
    if not tried or not curves:
        return None
    rows = -(-len(curves) // COLUMNS)
    figure, panels = new_figure(0.5 + 1.7 * rows, rows, COLUMNS)
    values = [one[split] for one in tried["sets"] for split in ("reward_val", "selection_val")]
    least, greatest = (f(v for v in values if math.isfinite(v)) for f in (min, max))
    margin = 0.06 * (greatest - least) or 0.01
    best = tried["sets"][tried["best"]]
    for index, (panel, (score, sets)) in enumerate(zip(panels, curves.items(), strict=False)):
        for others in curves.values():
            _line(panel, others, "reward_val", GRID, 1.0)
        _line(panel, sets, "selection_val", VERMILLION, 1.1)
        _line(panel, sets, "reward_val", BLUE, 1.6)
        if best in sets:
            panel.plot(
                best["fraction"], best["reward_val"], "o", markersize=9, mfc="none", mec=BLUE
            )
        panel.set_title(label(score), fontsize=8.5)
        panel.set_xlim(-0.03, 1.03)
        panel.set_ylim(least - margin, greatest + margin)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["none", "¼", "½", "¾", "all"])
        if index % COLUMNS:
            panel.tick_params(axis="y", labelcolor="none")
    for panel in panels[len(curves) :]:
        panel.set_visible(False)
    panels[0].set_ylabel(title_of(tried["metric"]))
    return figure


def best_free_set(record: Record) -> str:
    """What the best of the free sets is, and what it is worth beside none and all."""
    tried = record.free_sets
    if tried is None:
        return ""
    best, seen = tried["sets"][tried["best"]], _by_score(tried)
    references = [
        f"{words} {decimal(seen[name]['selection_val'])}"
        for name, words in ((NONE, "no candidate"), (ALL, "all of them"))
        if name in seen and best["score"] != name
    ]
    beside = f" ({', '.join(references)})" if references else ""
    return (
        f"Of {len(tried['sets'])} sets that are free to name, the best on reward-val is "
        f"{_in_words(best)}; a probe with it reaches {title_of(tried['metric'])} "
        f"{decimal(best['selection_val'])} on selection-val{beside}."
    )


def _in_words(best: TriedSet) -> str:
    if best["score"] == NONE:
        return "none of the candidates"
    share = f"{best['fraction']:.0%}"
    if best["score"] == ALL:
        return "every candidate" if best["fraction"] == 1 else f"a random {share}"
    return f"the {share} of the candidates with the best {label(best['score'])}"


def _curves(tried: FreeSets) -> dict[str, list[TriedSet]]:
    """Score -> its sets by size, with none and all at the ends."""
    seen = _by_score(tried)
    scores = dict.fromkeys(one["score"] for one in tried["sets"])
    ends = {name: seen[name] for name in (NONE, ALL) if name in seen}
    return {
        score: sorted(
            [*(one for one in tried["sets"] if one["score"] == score), *ends.values()],
            key=lambda one: one["fraction"],
        )
        for score in scores
        if score not in (NONE, ALL)
    }


def _by_score(tried: FreeSets) -> dict[str, TriedSet]:
    """Score -> its last set; of none and all it is the only one."""
    return {one["score"]: one for one in tried["sets"]}


def _line(panel: Axes, sets: list[TriedSet], split: str, colour: str, width: float) -> None:
    panel.plot(
        [one["fraction"] for one in sets],
        [one[split] for one in sets],
        color=colour,
        linewidth=width,
        marker="o" if width > 1 else "",
        markersize=2.5,
    )
