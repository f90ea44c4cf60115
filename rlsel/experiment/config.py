"""`Experiment`: the Configs of all stages, read from YAML that states differences from defaults."""

import hashlib
import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from rlsel.algorithms.config import OF_PPO_ALONE, AlgorithmConfig
from rlsel.classifier import AnyClassifierConfig, ClassifierConfig
from rlsel.classifier.any_config import DEFAULT_KIND
from rlsel.controllers.config import ControllerConfig, TransformerConfig
from rlsel.data.config import DataConfig
from rlsel.errors import InputError
from rlsel.evaluation.rounds import EvaluationConfig
from rlsel.experiment.explain import explain
from rlsel.experiment.gone import require_none_gone
from rlsel.experiment.paths import at_folder, relative_paths
from rlsel.experiment.presets import PRESETS
from rlsel.experiment.yaml_files import read_yaml, to_yaml_text
from rlsel.features.config import FeaturesConfig
from rlsel.features.extractors.config import FileExtractor
from rlsel.generators.registry import DEFAULT_KIND as DEFAULT_GENERATOR
from rlsel.generators.registry import GeneratorConfig
from rlsel.pool.config import PhantomPool, PlantedPool, PoolConfig
from rlsel.quality.config import AuditConfig
from rlsel.rewards.plan import EvaluatorsConfig
from rlsel.rewards.reward import RewardConfig
from rlsel.schema import config
from rlsel.selectors.config import SelectionConfig

DOES_NOT_CHANGE_RESULTS = ("name", "seed", "folder", "evaluators")
"""Left out of the hash, so that runs of one experiment share it on any seed and machine."""
MOST_NAMED = 4
"""Most settings that a message names; the others are counted."""
OF_EMBEDDINGS = {"classifier": {"name": "mlp"}}
"""Settings that are the default if the samples are embeddings."""
MOVED_TOGETHER = ("epochs", "batch_size", "lr", "precision", "weights")
"""Settings that users may expect to hold for classifier and extractor, but are set separately."""
OF_SEVERAL_KINDS = {
    **dict.fromkeys(("source", "pool", "controller")),
    **dict.fromkeys(("classifier", "extractor"), DEFAULT_KIND),
    "generator": DEFAULT_GENERATOR,
}
"""Blocks whose `name` decides which settings they have -> the name if it is left out."""


@config
class Experiment:
    """Everything on which a run depends. Our own benchmarks support the defaults."""

    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$")] = "default"
    """The name of run folders and reports: letters of any script, digits and . _ -"""
    seed: Annotated[int, Field(ge=0)] = 0
    """The one seed of a run; every stage derives its own seed from it by name."""
    folder: str = ""
    """The folder at which relative paths begin: that of the config file, filled in on reading."""
    data: DataConfig = Field(default_factory=DataConfig)
    """The real images and their splits."""
    pool: PoolConfig = Field(default_factory=PhantomPool)
    """The candidates."""
    generator: GeneratorConfig | None = None
    """Trained on the real training images to make the candidates, in the place of `pool`."""
    audit: AuditConfig = Field(default_factory=AuditConfig)
    """How candidates are judged as images, and how copies of training images are treated."""
    classifier: AnyClassifierConfig = Field(default_factory=ClassifierConfig)
    """The classifier that is trained for full rewards and for the final scores: a ResNet34 on
    images, an MLP on embeddings."""
    features: FeaturesConfig = Field(default_factory=FeaturesConfig)
    """Features, batches, and the inputs of the controller."""
    reward: RewardConfig = Field(default_factory=RewardConfig)
    """The reward of the controller."""
    evaluators: EvaluatorsConfig = Field(default_factory=EvaluatorsConfig)
    """The pool of workers that carry out evaluations."""
    controller: ControllerConfig = Field(default_factory=TransformerConfig)
    """The network that decides."""
    algorithm: AlgorithmConfig = Field(default_factory=AlgorithmConfig)
    """How the controller learns."""
    selection: SelectionConfig = Field(default_factory=SelectionConfig)
    """The methods that select, and how many candidates they keep."""
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    """The final scores."""

    def __post_init__(self) -> None:
        if self.generator is not None and self.pool != PhantomPool():
            raise ValueError("generator and pool exclude each other: give one of them")
        extractor = self.features.extractor
        if extractor.name != DEFAULT_KIND and "finetune" in self.reward.fidelities:
            raise ValueError(
                "reward: finetune trains the ResNet34 on that features.extractor has trained, and "
                f"features.extractor.name is {extractor.name}: pay by probe or full, or leave name "
                "out"
            )
        if self.features.folds > 1 and "finetune" in self.reward.fidelities:
            raise ValueError(
                "features.folds goes with reward: probe or full, since finetune goes on from one "
                "extractor that has seen all real images: leave folds out, or pay by probe"
            )
        if isinstance(extractor, FileExtractor) and self.generator is not None:
            raise ValueError(
                "features.extractor: a file has no features of candidates that the generator is "
                "still to make: make them first (rlsel generate), and give them as pool"
            )
        if self.selection.has_range and self.controller.name in ("gru", "gru_attention"):
            raise ValueError(
                f"selection.keep_range: a {self.controller.name} decides before it has seen all of "
                "a class, so it cannot hold a range; take controller.name transformer or mlp"
            )

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings on settings that are allowed but probably not intended."""
        found = []
        if self.selection.has_range and self.features.order != "random":
            found.append(
                "selection.keep_range holds in every batch, and batches cut by distance hold "
                "unequal shares of good candidates; set features.order: random"
            )
        if isinstance(self.features.extractor, FileExtractor) and isinstance(
            self.pool, PhantomPool | PlantedPool
        ):
            found.append(
                f"features.extractor finds images by id, and a {self.pool.name} pool has other "
                f"images under the same ids with another seed: use the file only with seed "
                f"{self.seed}"
            )
        return tuple(found)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes on settings of classifier and extractor that differ but may be meant to agree."""
        standard, extractor = ClassifierConfig(), self.features.extractor
        both = (self.classifier, extractor)
        if not all(isinstance(one, ClassifierConfig) for one in both):
            return ()
        alone = [
            f"{name} {getattr(self.classifier, name)} (there {getattr(extractor, name)})"
            for name in MOVED_TOGETHER
            if getattr(self.classifier, name) != getattr(standard, name) == getattr(extractor, name)
        ]
        if not alone:
            return ()
        return (
            f"classifier has {', '.join(alone)}, and features.extractor keeps its own: set both if "
            "both are meant",
        )

    @property
    def hash(self) -> str:
        """Twelve hex digits, shared by experiments that differ in name, seed or machine alone."""
        content = relative_paths(to_dict(self), self.folder, Experiment)
        for name in DOES_NOT_CHANGE_RESULTS:
            content.pop(name)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def trains(self) -> bool:
        """Whether a controller or a classifier is trained, for which evaluators are started."""
        settings = self.selection
        is_judged = settings.recommend == "portfolio" and settings.judge.fidelity != "probe"
        return "controller" in settings.methods or self.evaluation.rounds > 0 or is_judged

    def with_seed(self, seed: int) -> "Experiment":
        return replace(self, seed=seed)


_experiment = TypeAdapter(Experiment)


def load_experiment(path: Path | str | None) -> Experiment:
    """Read a YAML file, whose relative paths begin at its folder; None gives the built-in default.

    Raises:
        InputError: the file is missing or no YAML, or has an unknown key, wrong type or value.
    """
    if path is None:
        return default_experiment()
    path = Path(path)
    content = read_yaml(path)
    if "experiment" in content or "grid" in content:
        raise InputError(f"{path}: is a sweep; run it with: rlsel tune {path}")
    folder = content.get("folder")
    if folder != "":  # which complete configs have that were never read from a file
        content = at_folder(content, path.parent / str(folder or ""), str(path), Experiment)
    content.setdefault("name", name_after(path))
    return build_experiment(content, str(path))


def name_after(path: Path) -> str:
    """The name of an experiment from its config file: `my run.yaml` gives my-run."""
    words = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", path.stem))
    return words.strip("-.") or "unnamed"


def default_experiment() -> Experiment:
    """The experiment of `rlsel run` without a config: the phantom, small enough for two cores."""
    return build_experiment({"preset": "default"}, "the built-in default")


def build_experiment(content: dict[str, Any], origin: str) -> Experiment:
    """An experiment from nested settings, as read from YAML. `origin` is named in errors.

    The key `preset` names the settings over which these are laid.
    """
    require_none_gone(content, origin)
    source = (
        content.get("data", {}).get("source") if isinstance(content.get("data"), dict) else None
    )
    if isinstance(source, dict) and source.get("name") == "embeddings":
        content = merge(OF_EMBEDDINGS, content)
    preset = content.get("preset")
    if preset is not None and (not isinstance(preset, str) or preset not in PRESETS):
        raise InputError(f"{origin}: preset is {preset!r}; known are {', '.join(PRESETS)}")
    laid_over = merge(
        PRESETS[preset] if preset else {}, {k: v for k, v in content.items() if k != "preset"}
    )
    try:
        # As JSON, because only there does strict validation accept lists for tuples and text for
        # paths.
        return _experiment.validate_json(json.dumps(laid_over, default=str))
    except ValidationError as error:
        raise InputError(f"{origin}: {explain(error, Experiment)}") from None


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, key by key.

    A block of another kind replaces the whole block. Another algorithm keeps the settings that it
    has too.
    """
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge_block(key, old, value)
        else:
            merged[key] = value
    return merged


def _merge_block(key: str, base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    kind = base.get("name", OF_SEVERAL_KINDS.get(key))
    if key in OF_SEVERAL_KINDS and kind is not None and over.get("name", kind) != kind:
        return over
    if key == "algorithm" and over.get("name") == "reinforce":
        base = {name: value for name, value in base.items() if name not in OF_PPO_ALONE}
    return merge(base, over)


def to_dict(experiment: Experiment) -> dict[str, Any]:
    """Every setting, as plain JSON values."""
    return _experiment.dump_python(experiment, mode="json")


def to_yaml(experiment: Experiment) -> str:
    """The complete config, readable by `load_experiment`."""
    return to_yaml_text(to_dict(experiment))


def describe_differences(there: Experiment, here: Experiment) -> str:
    """The settings that differ, by their dotted keys, except those that change no result."""
    theirs, ours = (_flattened(to_dict(experiment)) for experiment in (there, here))
    differing = [
        f"{key} is {theirs.get(key)!r} there and {ours.get(key)!r} here"
        for key in sorted({**theirs, **ours})
        if theirs.get(key) != ours.get(key)
        and (key == "seed" or key.split(".")[0] not in DOES_NOT_CHANGE_RESULTS)
    ]
    more = f"; and {len(differing) - MOST_NAMED} more" if len(differing) > MOST_NAMED else ""
    return "; ".join(differing[:MOST_NAMED]) + more


def _flattened(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        inner = _flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else {}
        flat |= inner or {f"{prefix}{key}": value}
    return flat
