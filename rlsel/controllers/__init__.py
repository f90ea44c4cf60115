"""The policy networks: a batch of candidates in, a keep logit for each and a value out.

`transformer.py` is a plain nn.Module; `rl_module.py` is the one RLModule that puts a controller
before RLlib, and the only file here that knows Ray.
"""

from rlsel.controllers.config import ControllerConfig, build_controller
from rlsel.controllers.transformer import TransformerController

__all__ = ["ControllerConfig", "TransformerController", "build_controller"]
