"""A claim, how sure it is, and the table that it is read from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from planted_truth.paired import Comparison, compare
from recording import Record

from rlsel.reporting.wording import decimal, signed

Verdict = Literal["better", "worse", "not told apart"]


@dataclass(frozen=True)
class Source:
    """What a claim was read from."""

    record: Record
    n: str
    """In words, such as `n = 3 seeds`."""
    page: str
    title: str
    """Of the heading above the table."""

    def text(self, usual: str) -> str:
        """As `(n = 3 seeds; [table](...))`, with the hardware where it is not the usual one."""
        hardware = self.record["hardware"]
        parts = (
            self.n,
            "" if hardware == usual else hardware,
            link("table", self.page, self.title),
        )
        return f"({'; '.join(filter(None, parts))})"


@dataclass(frozen=True)
class Claim:
    """One finding."""

    works: bool | None
    """Whether it stands under what works; None for what is neither good nor bad."""
    headline: str
    details: str
    source: Source

    def text(self, usual: str) -> str:
        """As a bullet."""
        return f"- **{self.headline}** {self.details} {self.source.text(usual)}"


def link(text: str, page: str, title: str = "") -> str:
    """To a page of tables, and a heading of it."""
    return f"[{text}](benchmarks/{page}.md{f'#{slug(title)}' if title else ''})"


def slug(title: str) -> str:
    """The anchor of a heading, as GitHub and Python-Markdown make it."""
    words = re.sub(r"[^\w\s-]", "", title).strip().lower()
    return re.sub(r"\s", "-", words)


def verdict(found: Comparison) -> Verdict:
    """By the 95% interval alone."""
    if found["low"] > 0:
        return "better"
    return "worse" if found["high"] < 0 else "not told apart"


def difference(gains: np.ndarray) -> str:
    """Mean and 95% interval, as `+.086 [+.020, +.172]`."""
    found = compare(gains)
    if not np.isfinite(found["mean"]):
        return f"{signed(float(np.mean(gains)))} (one value, so no interval)"
    low, high = _bound(found["low"]), _bound(found["high"])
    return f"{signed(found['mean'])} [{low}, {high}]"


def _bound(value: float) -> str:
    """With a fourth digit where three would say 0, as 0 is what bounds are looked at for."""
    sign = "+" if value >= 0 else "−"
    return signed(value) if abs(value) >= 0.0005 else sign + decimal(abs(value), 4)


def mean(values: Iterable[float], digits: int = 3) -> str:
    return decimal(float(np.mean(list(values))), digits)


def listed(names: Iterable[str]) -> str:
    """As `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def in_words(number: int) -> str:
    """Small numbers as words."""
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else f"{number:,}"
