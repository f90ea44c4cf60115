"""Numbers and sizes as people write them, for notes and errors."""

from rlsel.data.decoding.resize import Size


def counted(number: int, noun: str) -> str:
    """1 image, 1,473 images."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def by(size: Size) -> str:
    """A size in pixels, height first: 96x96."""
    return f"{size[0]}x{size[1]}"
