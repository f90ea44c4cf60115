"""Read splits from the names of folders and files.

The words are those of Hugging Face datasets, in any case (train, training; validation, valid, val,
dev; test, testing, eval, evaluation), and the short forms trn, validate and tst.
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
"""Words that a folder name may hold beside the word of a split."""
GLUED = re.compile(r"(set|data|images)$")


def split_called(name: str) -> str | None:
    """The split of a folder whose name says nothing else: Train, valid_set, split=test, val2017.

    A name with another word, such as "test strip", names a class.
    """
    words = {_word(word) for word in _words(name)} - FILLERS
    return WORDS.get(words.pop()) if len(words) == 1 else None


def split_within(name: str) -> str | None:
    """The split if words of the name name exactly one: pcam-train-00000-of-00002 is train."""
    splits = {WORDS[word] for word in map(_word, _words(name)) if word in WORDS}
    return splits.pop() if len(splits) == 1 else None


def require_splits(splits: Sequence[str], where: str, names: str, remedy: str) -> None:
    """Refuse splits that are incomplete. The names may then be those of classes.

    Args:
        splits: train, val or test, for each folder, file or value with such a name.
        names: those names, for the message.

    Raises:
        InputError: train is missing, or both val and test are.
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
