"""Which code seconds were measured of: cells of other code are not mixed with them."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest_of_code(paths: Iterable[Path]) -> str:
    """Changes with what the files do, not with their comments or line breaks."""
    trees = [ast.dump(ast.parse(path.read_text())) for path in sorted(paths)]
    return hashlib.blake2b("\0".join(trees).encode(), digest_size=6).hexdigest()


def measured_code() -> list[Path]:
    """What the figures depend on; other changes leave finished cells as they are."""
    package, here = Path(__file__).parents[2] / "rlsel", Path(__file__).parent
    rewards = [package / "rewards" / f"{name}.py" for name in ("probe", "finetune", "workbench")]
    own = [path for path in here.glob("*.py") if path.stem not in ("sections", "summary")]
    return [*(package / "classifier").glob("*.py"), *rewards, *own]
