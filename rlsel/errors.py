"""The one exception a user may see. Anything else that escapes is a bug of ours."""


class InputError(ValueError):
    """A mistake in what the user gave us: a path, an image, a config key, a setting.

    The message is one line that names the file or key, the offending value and what to do about
    it. The command line prints it without a traceback and exits with code 2.
    """
