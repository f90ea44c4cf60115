"""Settings that change in a straight line from the first iteration to the last."""


def at(progress: float, start: float, end: float | None) -> float:
    """The value after `progress`, in [0, 1], of a run; `end` None keeps `start`."""
    return start if end is None else start + min(max(progress, 0.0), 1.0) * (end - start)
