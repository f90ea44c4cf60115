"""A user's folder with names as people have them, and what is typed in it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml
from PIL import Image
from small_experiment import TINY

REPOSITORY = Path(__file__).parents[2]
CLASSES = {"<5mm": 190, "healthy tissue": 130, "良性": 70}
"""Class -> mean of its pixels; in the order in which they are numbered."""
ODD_NAMES = (b"slide 07 (1).png", "Gewebe_Übersicht.png".encode(), "🔬.png".encode(), b"x_\xe4.png")
"""The last is Latin-1, as old cameras and archives leave them; it is not UTF-8."""
SOURCE = {"name": "folder", "train": "data", "val": "for validation", "test": "zum Prüfen"}
PER_CLASS = {"data": 32, "for validation": 12, "zum Prüfen": 12}
OF_THE_PHANTOM = ("name", "data", "pool")
SETTINGS: dict[str, Any] = {
    "data": {"source": SOURCE},
    **{block: value for block, value in TINY.items() if block not in OF_THE_PHANTOM},
}
"""Every path begins at the folder of the config."""
START_S = 240.0
"""For a command to come as far as it should, on a machine that is busy."""


def write_images(root: Path, per_class: int) -> None:
    generator = np.random.default_rng(per_class)
    for name, mean in CLASSES.items():
        folder = root / name
        folder.mkdir(parents=True)
        for index in range(per_class):
            pixels = generator.normal(mean, 40, (24, 24, 3)).clip(0, 255).astype(np.uint8)
            odd = ODD_NAMES[index] if index < len(ODD_NAMES) else b"tile %d.png" % index
            Image.fromarray(pixels).save(folder / "new.png")
            os.rename(folder / "new.png", folder / os.fsdecode(odd))


@dataclass(frozen=True)
class Newcomer:
    """Somebody in their own folder, who has read the README."""

    folder: Path

    def writes(self, name: str, settings: dict[str, Any]) -> None:
        text = yaml.safe_dump(settings, allow_unicode=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def types(self, *words: str) -> str:
        """A command of rlsel that succeeds; what it prints, every blank and line break as one."""
        return self.runs(sys.executable, "-m", "rlsel", *words)

    def runs(self, *words: str) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env=_environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert "Traceback" not in done.stdout + done.stderr
        return " ".join(done.stdout.split())

    def types_and_presses_ctrl_c(self, condition: Callable[[], bool], *words: str) -> str:
        """What the command has said, once it was stopped as soon as `condition` held."""
        log = self.folder / "said.txt"
        # Whoever runs the tests in the background may have it ignored, which is handed down.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        with log.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "rlsel", *words],
                **{"stdout": stream, "stderr": stream, "start_new_session": True},
                cwd=self.folder,
                env=_environment(),
            )
        signal.signal(signal.SIGINT, before)
        try:
            end = time.monotonic() + START_S
            while not condition():
                assert process.poll() is None, f"it ended early:\n{log.read_text()[-2000:]}"
                assert time.monotonic() < end, f"it is too slow:\n{log.read_text()[-2000:]}"
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGINT)  # to the group, as a terminal does
            assert process.wait(60) == 130, log.read_text()[-2000:]
        finally:
            _end(process)
        said = log.read_text(encoding="utf-8")
        assert "Traceback" not in said
        return " ".join(said.split())


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1", "COLUMNS": "80"}


def _end(process: subprocess.Popen) -> None:
    """All that it has started as well: workers of Ray are in groups of their own."""
    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
    process.wait()


def recipe(heading: str, page: Path = REPOSITORY / "README.md") -> str:
    """The first Python block below a heading of the docs, for docs that run cannot rot."""
    below = page.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1]
    found = re.search(r"^```python\n(.*?)^```$", below, re.DOTALL | re.MULTILINE)
    assert found is not None, f"{page}: no ```python block below {heading!r}"
    return found.group(1)
