"""The policy networks: a batch of candidates in, a keep logit for each of them and a value out.

Read `controller.py` first: it holds what all controllers share. They differ in the encoder, each of
which has a file of its own. All are plain nn.Modules. `rl_module.py` wraps a controller for RLlib
and is the only file here that imports Ray.
"""

from rlsel.controllers.config import ControllerConfig, KeepRanges, build_controller
from rlsel.controllers.controller import Controller

__all__ = ["Controller", "ControllerConfig", "KeepRanges", "build_controller"]
