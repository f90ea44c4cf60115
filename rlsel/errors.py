"""The one exception a user may see. Anything else that escapes is a bug of ours."""

import errno
import os
import re
import tempfile
import traceback

CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""What a terminal takes for a command."""


class InputError(ValueError):
    """A mistake in what the user gave us: a path, an image, a config key, a setting.

    The message is one line that names the file or key, the offending value and what to do about
    it. The command line prints it without a traceback and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        # A file name that is not UTF-8 would break whatever prints or writes the message.
        text = message.encode("utf-8", "backslashreplace").decode("utf-8")
        super().__init__(CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text))


def find_input_error(error: BaseException) -> InputError | None:
    """The user's mistake behind an error, or None; Ray and RLlib wrap what they pass on."""
    found: BaseException | None = error
    while found is not None:
        # Ray's wrapper is an InputError too, with a traceback for a message; the original is in it.
        inside = getattr(found, "cause", None)
        if isinstance(found, InputError) and inside is None:
            return found
        if isinstance(found, OSError) and found.errno == errno.ENAMETOOLONG:
            return InputError(f"{found.filename}: no file or folder can have so long a name")
        found = inside or found.__cause__
    return None


def describe_unforeseen(error: Exception, command: str) -> str:
    """One line on a bug of ours, with the file that its traceback was written to.

    Args:
        command: What was typed, for the file.
    """
    said = " ".join(f"{type(error).__name__}: {error}".split())
    text = "".join(traceback.format_exception(error))
    try:
        descriptor, path = tempfile.mkstemp(prefix="rlsel-error-", suffix=".txt", text=True)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{command}\n\n{text}")
    except OSError:  # nowhere to write
        return f"{said}\n{text}"
    return f"an error that should not be: {said}; please report it with {path}, its traceback"
