"""The policy networks: a batch of candidates in, a keep logit for each and a value out.

`controller.py` holds what all of them share, a file each what they differ in: the encoder. Plain
nn.Modules; `rl_module.py` is the one RLModule that puts a controller before RLlib, and the only
file here that knows Ray.
"""

from rlsel.controllers.config import ControllerConfig, KeepRanges, build_controller
from rlsel.controllers.controller import Controller

__all__ = ["Controller", "ControllerConfig", "KeepRanges", "build_controller"]
