"""Reading JSON as strictly as a browser does."""

import json
from typing import Any, NoReturn


def read_strictly(text: str) -> Any:
    """As JavaScript does, which knows neither NaN nor Infinity."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)
