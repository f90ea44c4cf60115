"""A rule of the user's own: imported from beside the config, asked, and held to its budget."""

import re
from pathlib import Path

import numpy as np
import pytest
from small_peers import only, small_inputs
from small_table import small_table

from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment
from rlsel.selectors import BaselineInputs, Selection
from rlsel.selectors.own_rule import own_rule, require_rules

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-rule.md"


def select(folder: Path, method: str, budget: int = 5) -> Selection:
    table = small_table()
    peers = only(small_inputs(), len(table.labels))
    inputs = BaselineInputs(table, budget, 1, peers=peers)
    return own_rule(method, str(folder))(inputs, np.random.default_rng(0))


def test_the_rule_of_the_docs_keeps_its_budget_by_its_scores(tmp_path: Path) -> None:
    code = re.search(r"```python\n# my_rule\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert code
    (tmp_path / "rule_of_the_docs.py").write_text(code[1])

    selection = select(tmp_path, "rule_of_the_docs:agreeing")

    agreement_N = small_table().free_scores["knn_label_agreement"]
    assert selection.num_kept == 5
    assert selection.method == "rule_of_the_docs:agreeing"
    assert agreement_N[selection.kept_N].min() >= agreement_N[~selection.kept_N].max()


def test_what_a_rule_changes_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "rule_that_writes.py").write_text(
        "def rule(features, labels, scores, budget):\n"
        "    labels[:] = 0; features[:] = 0\n"
        "    for score in scores.values(): score[:] = 0\n"
        "    return labels[:] == 1 if budget == 0 else (labels == 0).cumsum() <= budget\n"
    )
    before = small_table()

    select(tmp_path, "rule_that_writes:rule")

    np.testing.assert_array_equal(small_table().labels, before.labels)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("labels >= 0", "keeps .* candidates, and its budget is 5"),
        ("labels.astype(float)", r"returned float64 of shape .*; a mask is bool of shape"),
        ("[True] * 3", r"returned bool of shape \(3,\)"),
        ("None", "returned object of shape"),
    ],
)
def test_a_wrong_mask_is_refused_with_what_it_is(
    returned: str, said: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = f"rule_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(
        f"def rule(features, labels, scores, budget):\n    return {returned}\n"
    )

    with pytest.raises(InputError, match=said):
        select(tmp_path, f"{name}:rule")


@pytest.mark.parametrize(
    ("code", "method", "said"),
    [
        ("", "rule_not_there:rule", "rule_not_there cannot be imported .*ModuleNotFoundError"),
        ("import numpyy", "rule_broken:rule", "rule_broken cannot be imported .*numpyy"),
        ("1 +", "rule_syntax:rule", "rule_syntax cannot be imported .*SyntaxError"),
        ("rule = 3", "rule_number:rule", "has no function 'rule'"),
    ],
)
def test_a_rule_that_cannot_be_imported_is_refused_before_anything_is_trained(
    code: str, method: str, said: str, tmp_path: Path
) -> None:
    if code:
        (tmp_path / f"{method.split(':', maxsplit=1)[0]}.py").write_text(code)

    with pytest.raises(InputError, match=said) as raised:
        require_rules(["uniform", method], str(tmp_path))

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("method", ["unifrom", "a:b:c", "a.b", ":x", "x:"])
def test_a_method_that_is_neither_known_nor_a_rule_is_refused(method: str) -> None:
    with pytest.raises(InputError, match=r"known are controller, .* and module:function"):
        build_experiment({"selection": {"methods": [method]}}, "a test")


def test_a_rule_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "rule_that_fails.py").write_text(
        "def rule(features, labels, scores, budget):\n    return labels[10**9]\n"
    )

    with pytest.raises(InputError, match=r"IndexError: .*, rule_that_fails\.py line 2.*--resume"):
        select(tmp_path, "rule_that_fails:rule")


@pytest.mark.parametrize("name", ["selectors", "time", "rule_of_two_folders"])
def test_the_module_beside_the_config_is_the_one_that_is_asked(name: str, tmp_path: Path) -> None:
    for folder, number in (("a", 0), ("b", 1)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text(
            "def rule(features, labels, scores, budget):\n"
            f"    order = list(range(len(labels)))[::{1 - 2 * number}]\n"
            "    mask = labels < 0\n"
            "    mask[order[:budget]] = True\n"
            "    return mask\n"
        )

    first, last = (select(tmp_path / folder, f"{name}:rule").kept_N for folder in "ab")

    assert first[:5].all()
    assert last[-5:].all()


def test_a_module_without_a_file_is_named_where_it_has_no_such_function(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="time has no function 'rule'"):
        require_rules(["time:rule"], str(tmp_path))


def test_a_rule_goes_with_no_keep_range() -> None:
    selection = {"methods": ["a:b", "controller"], "keep_range": [0.4, 0.6]}

    with pytest.raises(InputError, match="a:b, and a rule of your own knows nothing of keep_range"):
        build_experiment({"selection": selection}, "a test")
