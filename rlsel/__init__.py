"""rlsel learns which synthetic samples are worth training on.

In: labelled images and a pool of candidates. Out: a learned selection and its honest test score.
`pipeline.py` shows the whole program in one screen; `docs/architecture.md` is the map.
"""

from importlib.metadata import PackageNotFoundError, version

import envs  # noqa: F401  registers rlsel/SampleSelection-v0 with Gymnasium

try:
    __version__ = version("rlsel")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0+unknown"
