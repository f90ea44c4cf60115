"""What the names of folders and files say of splits.

The words are those of Hugging Face datasets, in any case: train, training; validation, valid, val,
dev; test, testing, eval, evaluation.
"""

import re
from collections.abc import Sequence

from rlsel.errors import InputError

SAID_AS = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing", "tst", "eval", "evaluation"),
}
WORDS = {word: split for split, words in SAID_AS.items() for word in words}
FILLERS = {"set", "sets", "data", "dataset", "split", "splits", "image", "images", "img", "imgs"}
"""Words that may stand beside that of a split in the name of its folder."""
GLUED = re.compile(r"(set|data|images)$")


def split_called(name: str) -> str | None:
    """train, val or test where the name says nothing else: Train, valid_set, split=test, val2017.

    A longer name, such as "test strip", is that of a class.
    """
    words = {_word(word) for word in _words(name)} - FILLERS
    return WORDS.get(words.pop()) if len(words) == 1 else None


def split_within(name: str) -> str | None:
    """The one split of which some word of the name speaks: pcam-train-00000-of-00002."""
    splits = {WORDS[word] for word in map(_word, _words(name)) if word in WORDS}
    return splits.pop() if len(splits) == 1 else None


def require_splits(splits: Sequence[str], where: str, names: str, remedy: str) -> None:
    """Refuse splits that cannot be told from classes, or lack what nothing can be cut from.

    Args:
        splits: train, val or test, of each thing that is called so.
        names: what those are called.

    Raises:
        InputError: there is not train with val or test.
    """
    if "train" not in splits or len(set(splits)) < 2:
        raise InputError(
            f"{where}: of the splits there is only {names}, but train and test (or val) are "
            f"needed; {remedy}"
        )


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", name.casefold())


def _word(word: str) -> str:
    return word if word in WORDS or word in FILLERS else GLUED.sub("", word)
