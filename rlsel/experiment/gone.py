"""Settings of earlier versions: refused in a new config, ignored in an old run folder."""

from collections.abc import Iterator
from typing import Any

from rlsel.errors import InputError

SINCE = "0.2"
GONE = {
    "algorithm.clip_end": "epsilon stays at algorithm.clip",
    "algorithm.entropy_coeff_end": "the bonus stays at algorithm.entropy_coeff",
    "algorithm.value_coeff": "the value loss weighs 0.5",
    "algorithm.max_grad_norm": "gradients are scaled down to a norm of 0.5",
    "algorithm.credit.noise": "noise counts as much as what the candidates explain",
    "reward.climb": "reward.fidelity pays for the whole run; reward.final_fidelity may cost more",
    "reward.enough": "every evaluation takes all of its reward.repeats",
    "reward.noise_floor_seeds": "a run always measures the noise of its reward, by 3 seeds",
    "reward.smoothing_scope": "smoothing runs on over episodes, as in the paper",
    "reward.probe.max_steps": "a probe takes 30 Newton steps at most",
    "features.num_neighbours": "25 real neighbours vote",
    "features.num_components": "the input principal_components has 16 of them",
    "controller.feedforward_size": "it is twice controller.hidden_size",
    "selection.peers.num_components": "peers train heads as the probe does by default, on 48",
    "selection.peers.l2": "peers train heads as the probe does by default, by 0.003",
    **{
        f"{block}.{name}": "classifiers are trained by AdamW under a one-cycle schedule"
        for block in ("classifier", "features.extractor")
        for name in ("optimizer", "schedule", "weight_decay")
    },
}
"""Dotted key -> the present behaviour in its place."""


def require_none_gone(content: dict[str, Any], origin: str) -> None:
    """Refuse settings of earlier versions.

    Raises:
        InputError: there are such settings; the message names them, and the behaviour in place of
            the first.
    """
    first, *others = [key for key in _keys(content) if key in GONE] or [""]
    if first:
        more = f"; so are {', '.join(others)}" if others else ""
        raise InputError(
            f"{origin}: {first} is gone since {SINCE}: {GONE[first]}; leave it out{more}"
        )


def without_gone(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The config of an old run folder, without the settings that no longer exist."""
    return {
        name: without_gone(value, f"{prefix}{name}.") if isinstance(value, dict) else value
        for name, value in content.items()
        if f"{prefix}{name}" not in GONE
    }


def _keys(content: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every dotted key, blocks included."""
    for name, value in content.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")
