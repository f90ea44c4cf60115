"""Does selecting pay? Test scores of classifiers that were trained on what was selected."""

from collections.abc import Iterator, Mapping

import numpy as np
from planted_truth.paired import compare
from planted_truth.selection_section import METHODS, Scores, by_method, gains_of_draws
from recording import Record
from whole_runs.scores import Run, gains, mean_score, methods_of, rounds_of, runs_of
from whole_runs.section import TITLES

from rlsel.reporting.wording import decimal, label

from .claims import Claim, Source, difference, in_words, listed, verdict

FULL_TRAINING = "What it is for: 100 real images, full training on what was selected"
FREE_RULE = "centroid"
FREE_SCORES = ("own_distance", "knn_label_agreement", "label_log_probability")
CHOOSING_NOTHING = ("real_only", "controller", "oracle")


def selection_claims(records: Mapping[str, Record]) -> Iterator[Claim]:
    """Of the records that are there."""
    if record := records.get("whole_run_default"):
        yield _over_random(record)
        yield _over_free_rule(record)
    if record := records.get("whole_run_pcam_planted"):
        yield _on_real_images(record)
    if record := records.get("planted_truth_select"):
        yield from _full_training(record)
    if record := records.get("whole_run_pcam_small"):
        yield _candidates_of_the_gan(record)
        yield _selecting_from_the_gan(record)


def _over_random(record: Record) -> Claim:
    runs = runs_of(record)
    found = verdict(compare(gains(runs, "uniform")))
    words = {
        "better": "beats",
        "worse": "is worse than",
        "not told apart": "is not shown to beat",
    }
    return Claim(
        found == "better",
        f"In the default run, learned selection {words[found]} random selection.",
        f"Test accuracy is {_score(runs, 'controller')} against {_score(runs, 'uniform')}: "
        f"{difference(gains(runs, 'uniform'))}. Over keeping all candidates it is "
        f"{difference(gains(runs, 'keep_all'))}, and over the real images alone "
        f"{difference(gains(runs, 'real_only'))}. About half of these candidates are spoilt on "
        "purpose, so there is much to gain by choosing.",
        _source(record, "default"),
    )


def _over_free_rule(record: Record) -> Claim:
    runs = runs_of(record)
    found = verdict(compare(gains(runs, FREE_RULE)))
    words = {"better": "also beats", "worse": "is worse than", "not told apart": "is level with"}
    return Claim(
        found == "better",
        f"In the default run, learned selection {words[found]} a rule that costs nothing.",
        "The rule keeps the candidates that are nearest to the centre of their class. Test "
        f"accuracy is {_score(runs, 'controller')} against {_score(runs, FREE_RULE)}: "
        f"{difference(gains(runs, FREE_RULE))}.",
        _source(record, "default"),
    )


def _candidates_of_the_gan(record: Record) -> Claim:
    runs = runs_of(record)
    works = verdict(compare(gains(runs, "real_only"))) == "better"
    return Claim(
        works,
        f"Candidates of our own GAN {'help' if works else 'are not shown to help'} a classifier of "
        "few real images.",
        f"With 500 real PCam patches alone, test accuracy is {_score(runs, 'real_only')}. With the "
        f"selected GAN images it is {_score(runs, 'controller')}: "
        f"{difference(gains(runs, 'real_only'))}. With all GAN images it is "
        f"{_score(runs, 'keep_all')}.",
        _source(record, "pcam_small"),
    )


def _selecting_from_the_gan(record: Record) -> Claim:
    runs = runs_of(record)
    others = [method for method in methods_of(runs) if method not in CHOOSING_NOTHING]
    of: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
    for method in others:
        of[verdict(compare(gains(runs, method)))].append(label(method))
    works = {"keep all", "uniform"} <= set(of["better"])
    words = {
        "better": "clearly better than",
        "worse": "clearly worse than",
        "not told apart": "not to be told apart from",
    }
    found = "; ".join(f"{words[word]} {listed(names)}" for word, names in of.items() if names)
    return Claim(
        works,
        f"Choosing among candidates of our own GAN {'pays' if works else 'does not pay so far'}.",
        f"Beside {in_words(len(others))} other ways to choose from the same images, learned "
        f"selection is {found} (by test accuracy). Over random selection it is "
        f"{difference(gains(runs, 'uniform'))}, over keeping all "
        f"{difference(gains(runs, 'keep_all'))}.",
        _source(record, "pcam_small"),
    )


def _on_real_images(record: Record) -> Claim:
    runs = runs_of(record)
    ahead = float(np.mean(gains(runs, "uniform"))) > 0
    names = ("controller", FREE_RULE, "uniform", "real_only", "keep_all")
    scores = listed(f"{label(name)} {_score(runs, name)}" for name in names)
    draws = "the one draw that was run" if len(runs) == 1 else f"{len(runs)} draws"
    return Claim(
        ahead,
        "On real PCam patches with planted wrong labels, learned selection is "
        f"{'ahead of' if ahead else 'behind'} random selection in {draws}.",
        f"Test accuracy: {scores}. "
        + (
            "There is no interval, and another draw of images may give another order."
            if len(runs) == 1
            else f"Over random selection it is {difference(gains(runs, 'uniform'))}."
        ),
        _source(record, "pcam_planted"),
    )


def _full_training(record: Record) -> Iterator[Claim]:
    scores = by_method(record["cells"])
    frees = [name for name in FREE_SCORES if name in scores]
    if not frees or not {"controller", "uniform", "real_only"} <= scores.keys():
        return
    ours, free = scores["controller"], max(frees, key=lambda name: _accuracy(scores[name]))
    over_uniform, over_real, over_free = (
        gains_of_draws(ours, scores[name]) for name in ("uniform", "real_only", free)
    )
    draws, seeds = ({place[part] for place in ours} for part in (0, 1))
    n = f"n = {len(draws)} draws, {len(seeds)} trainings each"
    source = Source(record, n, "planted_truth", FULL_TRAINING)
    works = verdict(compare(over_uniform)) == "better"
    yield Claim(
        works,
        "With 100 real images and half of the labels wrong, learned selection "
        f"{'pays' if works else 'is not shown to pay'} in full training.",
        f"Test accuracy is {decimal(_accuracy(ours))}. Over random selection it is "
        f"{difference(over_uniform)}, over the real images alone {difference(over_real)}.",
        source,
    )
    found = verdict(compare(over_free))
    words = {"better": "also beats", "worse": "is worse than", "not told apart": "is level with"}
    yield Claim(
        found == "better",
        f"With 100 real images, learned selection {words[found]} the best free score in full "
        "training.",
        f"That score is the {METHODS[free].partition(',')[0]}. Test accuracy is "
        f"{decimal(_accuracy(ours))} against {decimal(_accuracy(scores[free]))}: "
        f"{difference(over_free)}.",
        source,
    )


def _accuracy(scores: Scores) -> float:
    return float(np.mean([cell["test"]["accuracy"] for cell in scores.values()]))


def _score(runs: list[Run], method: str) -> str:
    return decimal(mean_score(runs, method))


def _source(record: Record, name: str) -> Source:
    runs = runs_of(record)
    seeds = "seed" if len(runs) == 1 else "seeds"
    n = f"n = {len(runs)} {seeds}, {rounds_of(runs)} trainings each"
    return Source(record, n, "whole_runs", TITLES[name])
