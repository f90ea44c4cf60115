"""Rules of the user as methods: `selection.methods: [uniform, my_module:my_rule]`.

Shape letters: N candidates, F features.
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from rlsel.errors import InputError
from rlsel.selectors.baselines import BaselineInputs, Selector
from rlsel.selectors.config import OWN_RULE
from rlsel.selectors.selection import Selection

Rule = Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray], int], np.ndarray]
"""(features_NF, labels_N, scores, budget) -> mask_N.

features_NF: Features of the candidates by the extractor, float32.
labels_N: Class numbers, in the order that `rlsel check` prints.
scores: The free scores by name, such as own_distance and knn_label_agreement
    (`CandidateTable.free_scores`). Candidates with higher scores should rather be kept.
budget: How many to keep; all methods keep the same number.
mask_N: Boolean.
"""


def own_rule(method: str, folder: str) -> Selector:
    """The selector that calls a function of the user.

    Args:
        method: `module:function`.
        folder: The folder of the config, where the module may lie; empty is the working folder.
    """

    def select(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
        if inputs.peers is None:
            raise ValueError(f"{method} needs the features of the candidates")
        rule = load_rule(method, folder)
        labels_N = inputs.table.labels
        scores = {name: score_N.copy() for name, score_N in inputs.table.free_scores.items()}
        features_NF = inputs.peers.candidates_NF.copy()
        try:
            found = np.asarray(rule(features_NF, labels_N.copy(), scores, inputs.num_keep))
        except Exception as error:  # the user's function may raise anything
            raise InputError(
                f"{method} failed ({_told(error)}); mend it and add --resume: nothing that was "
                "paid for is lost"
            ) from error
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
            module = _from_file(module_name, Path(start)) or importlib.import_module(module_name)
    except Exception as error:  # importing the user's module may raise anything
        raise InputError(
            f"selection.methods has {method}, and {module_name} cannot be imported "
            f"({_told(error)}); it "
            f"is looked for in {start} and where Python looks"
        ) from error
    rule: Rule | None = getattr(module, name, None)
    if rule is None or not callable(rule):
        raise InputError(
            f"selection.methods has {method}, and "
            f"{getattr(module, '__file__', None) or module_name} has no function {name!r}"
        )
    return rule


def _from_file(module_name: str, folder: Path) -> ModuleType | None:
    """The module in the folder of the config, which goes before others of that name; or None."""
    path = folder.joinpath(*module_name.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(module_name, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _told(error: Exception) -> str:
    """The message of an error, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f", {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + where


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


def _mask(method: str, mask_N: np.ndarray, num_candidates: int, budget: int) -> np.ndarray:
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
