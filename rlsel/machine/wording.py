"""Numbers, sizes and lists of names in readable form, for notes and errors."""

import os
import re
from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """1 image, 1,473 images."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def by(size: tuple[int, int]) -> str:
    """A size in pixels, height first: 96x96."""
    return f"{size[0]}x{size[1]}"


def first_few(names: Sequence[str], num: int = 4) -> str:
    """'a', 'b', 'c', 'd' and 9 more."""
    more = f" and {len(names) - num} more" if len(names) > num else ""
    return ", ".join(map(repr, names[:num])) + more


def below_here(text: str) -> str:
    """The same message, with paths below the working folder made relative to it."""
    here = os.getcwd()
    if here == os.sep:
        return text
    return re.sub(
        rf"{re.escape(here)}(?:/|(?=[\s),;:]|$))", lambda m: "" if m[0].endswith("/") else ".", text
    )


def gib(num_bytes: int) -> str:
    """2.5 GiB, or 80 MiB of less than one."""
    if num_bytes < 2**30:
        return f"{num_bytes / 2**20:,.0f} MiB"
    return f"{num_bytes / 2**30:,.1f} GiB"
