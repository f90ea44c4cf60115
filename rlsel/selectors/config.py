"""Settings of the selection."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from rlsel.errors import InputError
from rlsel.rewards.jobs import Fidelity
from rlsel.schema import config
from rlsel.selectors.peers.config import PeersConfig


def _no_count(share: object) -> object:
    """Refuse a number of candidates where a share of them is meant."""
    if isinstance(share, int | float) and share > 1:
        count = f": for {share:g} candidates give {share:g} divided by their number"
        raise PydanticCustomError(
            "no_share",
            "it is a share of the pool, and must be at most 1{count}",
            {"count": count if share >= 2 else ""},
        )
    return share


Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_no_count)]
METHODS = (
    "controller",
    "free",
    "keep_all",
    "uniform",
    "centroid",
    "knn_shapley",
    "data_oob",
    "data_banzhaf",
    "tmc_shapley",
    "confident_learning",
)
OWN_RULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""`module:function`, a rule of the user."""


@config
class JudgeConfig:
    """The trainings that decide between the finalists of a portfolio."""

    fidelity: Fidelity = "full"
    """How a finalist is trained on real + kept: from scratch by default. `probe` is free, and is
    fooled where the reward is."""
    rounds: Annotated[int, Field(ge=1)] = 3
    """Trainings of each finalist, with the same seeds for all. A probe needs one."""


@config
class SelectionConfig:
    """Which methods compete, and how many candidates they may keep."""

    methods: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "keep_all",
        "uniform",
        "centroid",
        "controller",
    )
    """The methods to compare: `controller`, `keep_all`, `uniform`, `centroid`; `free`, the best of
    the sets that are known before anything is learned (docs/how-to/free.md); the published rivals
    `knn_shapley`, `data_oob`, `data_banzhaf`, `tmc_shapley` and `confident_learning` (extra
    `peers`); or `module:function`, a rule of your own (docs/how-to/own-rule.md). `real_only` is
    always added, and so is `oracle` if the pool's truth is known."""
    keep_fraction: Annotated[float | None, Field(gt=0, le=1), BeforeValidator(_no_count)] = None
    """Share of the pool to keep, the most probable candidates first. It is applied after learning;
    with `keep_range: [x, x]` the controller learns under that share. None: the controller sets the
    number (paper), or it is one half without a controller (paper). Every method but `keep_all` and
    `free` keeps the same number."""
    keep_range: tuple[Share, Share] | None = None
    """Least and greatest share of every class to keep. The controller's policy obeys it in each
    decision while it learns, and the selection obeys it too. Every other method but `keep_all`
    then keeps as many of each class as the controller. Use it with `features.order: random`, which
    makes all batches alike."""
    keep_range_of_class: dict[str, tuple[Share, Share]] = Field(default_factory=dict)
    """Range of single classes by name, in place of `keep_range`."""
    recommend: Literal["learned", "portfolio"] = "learned"
    """Which selection the run recommends, exports and returns. `learned`: that of the controller.
    `portfolio`: the best of none, all, the best free sets and the learned one, compared on
    selection-val; a simpler one wins unless a later one is clearly better (docs/how-to/free.md)."""
    judge: JudgeConfig = JudgeConfig()
    """How a portfolio is compared."""
    peers: PeersConfig = PeersConfig()
    """Budgets and parameters of the published rivals."""

    def __post_init__(self) -> None:
        for method in self.methods:
            if method not in METHODS and not OWN_RULE.fullmatch(method):
                raise ValueError(
                    f"methods has {method!r}; known are {', '.join(METHODS)}, and module:function "
                    "for a rule of your own"
                )
        ranges = {
            "keep_range": self.keep_range,
            **{f"keep_range_of_class.{k}": v for k, v in self.keep_range_of_class.items()},
        }
        for name, limits in ranges.items():
            if limits and (limits[0] > limits[1] or limits[0] == 1 or limits[1] == 0):
                raise ValueError(
                    f"{name} is {list(limits)}; give [least, greatest], with least below 1 and "
                    "greatest above 0"
                )
        rules = [method for method in self.methods if OWN_RULE.fullmatch(method)]
        if rules and any(ranges.values()):
            raise ValueError(
                f"methods has {rules[0]}, and a rule of your own knows nothing of keep_range, "
                "which all others obey; leave one of them out"
            )
        if self.keep_fraction is not None and any(ranges.values()):
            raise ValueError("keep_fraction and keep_range exclude each other: give one of them")
        if any(ranges.values()) and not {"controller", "free"} & set(self.methods):
            raise ValueError(
                "keep_range binds the controller and the best free set, and methods has neither: "
                "add one, or set keep_fraction"
            )

    @property
    def has_range(self) -> bool:
        """Whether a range is set for any class."""
        return bool(self.keep_range or self.keep_range_of_class)

    def shares_of(self, class_names: tuple[str, ...]) -> tuple[tuple[float, float], ...]:
        """Least and greatest share of each class that a set may keep by these settings.

        Raises:
            InputError: a range is set for an unknown class.
        """
        if self.keep_fraction is not None:
            return ((self.keep_fraction, self.keep_fraction),) * len(class_names)
        return self.ranges_of(class_names) or ((0.0, 1.0),) * len(class_names)

    def require_some(self, counts: Mapping[str, int]) -> None:
        """Refuse shares that are less than half a candidate, so that none would be kept.

        Args:
            counts: Candidates of each class.

        Raises:
            InputError: a share is that small; the message has it and the number of candidates.
        """
        if self.keep_fraction is not None:
            _require_one("keep_fraction", self.keep_fraction, sum(counts.values()), "candidates")
        for name, count in counts.items():
            own = self.keep_range_of_class.get(name)
            limits = own or self.keep_range
            if limits and count:
                setting = f"keep_range_of_class.{name}" if own else "keep_range"
                _require_one(setting, limits[1], count, f"candidates of class {name!r}")

    def ranges_of(self, class_names: tuple[str, ...]) -> tuple[tuple[float, float], ...] | None:
        """The range of each class; None if no range is set.

        Raises:
            InputError: a range is set for an unknown class.
        """
        if unknown := sorted(set(self.keep_range_of_class) - set(class_names)):
            raise InputError(
                f"selection.keep_range_of_class names {unknown[0]!r}; the classes are "
                f"{', '.join(class_names)}"
            )
        if not self.has_range:
            return None
        everybody = self.keep_range or (0.0, 1.0)
        return tuple(self.keep_range_of_class.get(name, everybody) for name in class_names)


def _require_one(setting: str, share: float, count: int, what: str) -> None:
    if round(share * count) < 1:
        raise InputError(
            f"selection.{setting}: a share of {share:g} of {count:,} {what} keeps none of them; "
            f"one candidate is a share of {1 / count:.2g}"
        )
