"""The positive one of two classes, whose recall is the sensitivity: the class with index 1."""

import re
from collections.abc import Mapping

import numpy as np

from rlsel.data.samples import SampleSet
from rlsel.errors import InputError

NEGATIVE = re.compile(
    r"normal|healthy|benign|negativ|control|background|clear|absent|\bno\b|\bnon\b|\bnot\b|without|"
    r"gesund|sain|sano|良性|正常|阴性|健康|陰性|доброкач|норма|здоров",
)
POSITIVE = re.compile(
    r"tumou?r|cancer|carcinoma|malign|positiv|disease|lesion|melanoma|patholog|abnormal|sick|present|"
    r"krank|恶性|阳性|癌|肿瘤|異常|悪性|злокач|рак|болезн",
)
"""Patterns for the name of the negative and of the positive class. A name that matches both, such
as abnormal, counts as positive."""
SWAPPED = (("positive", ""), ("positive", "negative"), ("", "negative"))
"""Pairs (kind of the first class, kind of the second) that look the wrong way round."""


def with_positive_last(
    parts: Mapping[str, SampleSet], positive_class: str | None
) -> dict[str, SampleSet]:
    """The same sets, with the positive class at index 1; unchanged if no positive class is named.

    Raises:
        InputError: the class does not exist, or there are more than two classes.
    """
    if positive_class is None:
        return dict(parts)
    names = next(iter(parts.values())).class_names
    if positive_class not in names:
        raise InputError(
            f"data.positive_class is {positive_class!r}; the classes are {', '.join(names)}"
        )
    if len(names) != 2:
        raise InputError(
            f"data.positive_class is {positive_class!r}, and there are {len(names)} classes: with "
            "more than two sensitivity and specificity are means over all of them; leave it out"
        )
    if names[1] == positive_class:
        return dict(parts)
    return {
        split: images.changed(labels=1 - np.asarray(images.labels), class_names=names[::-1])
        for split, images in parts.items()
    }


def describe_positive(class_names: tuple[str, ...]) -> str:
    """Which classes sensitivity and specificity refer to, as a sentence without a full stop."""
    if len(class_names) != 2:
        return "sensitivity and specificity are means over classes, each against the rest"
    negative, positive = class_names
    return f"sensitivity is the recall of {positive!r}, specificity that of {negative!r}"


def doubts(class_names: tuple[str, ...], positive_class: str | None) -> tuple[str, ...]:
    """A warning if the class names suggest that the positive class is the other one."""
    if positive_class is not None or len(class_names) != 2:
        return ()
    first, second = (_kind(name) for name in class_names)
    if (first, second) in SWAPPED:
        return (
            f"{describe_positive(class_names)}, as classes are sorted by name; if "
            f"{class_names[0]!r} is the finding, set data.positive_class: {class_names[0]!r}",
        )
    return ()


def _kind(name: str) -> str:
    name = name.casefold().replace("_", " ")
    if POSITIVE.search(name):
        return "positive"
    return "negative" if NEGATIVE.search(name) else ""
