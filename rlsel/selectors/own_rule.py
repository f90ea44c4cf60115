"""A rule of the user's own among the methods: `selection.methods: [uniform, my_module:my_rule]`.

Shape letters: N candidates, F features.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from rlsel.errors import InputError
from rlsel.selectors.baselines import BaselineInputs, Selector
from rlsel.selectors.config import OWN_RULE
from rlsel.selectors.selection import Selection

Rule = Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray], int], np.ndarray]
"""(features_NF, labels_N, scores, budget) -> mask_N.

features_NF are the extractor's, float32; labels_N index the classes in the order that `rlsel check`
prints; scores are the free ones by name (`CandidateTable.free_scores`: own_distance,
knn_label_agreement, ..., higher means rather keep); budget is how many to keep, as all methods keep
equally many. The mask is boolean.
"""


def own_rule(method: str, folder: str) -> Selector:
    """The selector that asks a function of the user's.

    Args:
        method: `module:function`.
        folder: Where the module may lie: that of the config; empty is the working folder.
    """

    def select(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
        if inputs.peers is None:
            raise ValueError(f"{method} needs the features of the candidates")
        rule = load_rule(method, folder)
        labels_N = inputs.table.labels
        scores = {name: score_N.copy() for name, score_N in inputs.table.free_scores.items()}
        features_NF = inputs.peers.candidates_NF.copy()
        found = rule(features_NF, labels_N.copy(), scores, inputs.num_keep)
        return Selection(method, _mask(method, found, len(labels_N), inputs.num_keep)[None])

    return select


def load_rule(method: str, folder: str) -> Rule:
    """Import the function that `module:function` names.

    Raises:
        InputError: the module cannot be imported, or has no such function.
    """
    module_name, _, name = method.partition(":")
    start = folder or os.getcwd()
    try:
        with _importable_from(start):
            module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module does when it is imported
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"selection.methods has {method}, and {module_name} cannot be imported ({reason}); it "
            f"is looked for in {start} and where Python looks"
        ) from error
    rule: Rule | None = getattr(module, name, None)
    if rule is None or not callable(rule):
        raise InputError(
            f"selection.methods has {method}, and {module.__file__} has no function {name!r}"
        )
    return rule


def require_rules(methods: Iterable[str], folder: str) -> None:
    """Refuse rules that cannot be imported, before anything is trained.

    Raises:
        InputError: names the first such rule.
    """
    for method in methods:
        if OWN_RULE.fullmatch(method):
            load_rule(method, folder)


@contextmanager
def _importable_from(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _mask(method: str, found: object, num_candidates: int, budget: int) -> np.ndarray:
    mask_N = np.asarray(found)
    if mask_N.dtype != bool or mask_N.shape != (num_candidates,):
        raise InputError(
            f"{method} returned {mask_N.dtype} of shape {mask_N.shape}; a mask is bool of shape "
            f"({num_candidates},), true where a candidate is kept"
        )
    if mask_N.sum() != budget:
        raise InputError(
            f"{method} keeps {mask_N.sum():,} candidates, and its budget is {budget:,}: all "
            "methods keep equally many, or the table would compare numbers of images"
        )
    return mask_N
