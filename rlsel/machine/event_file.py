"""TensorBoard event files, written in the thread of the caller.

tensorboardX's own `SummaryWriter` writes from a thread. If the disk is full, that thread ends with
a traceback, and the next caller waits for it for ever.
"""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from rlsel.machine.atomic_files import writing


class EventFile:
    """The one event file of a folder. Every method raises `InputError` if the disk is full."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty file. After an interruption the caller adds all figures again."""
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._events = EventsWriter(str(folder / "events"))

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Add figures by name, all at one step."""
        for name, value in figures.items():
            # `summary.scalar` would make the same name of "<5mm" and ">5mm".
            self._add(Summary(value=[Summary.Value(tag=name, simple_value=value)]), step)

    def add_image(self, name: str, image_HWC: UInt8[np.ndarray, "h w c"], step: int) -> None:
        """Add an image, RGB or RGBA."""
        self._add(summary.image(name, image_HWC, dataformats="HWC"), step)

    def flush(self) -> None:
        with writing(self._folder):
            self._events.flush()

    def close(self) -> None:
        with writing(self._folder):
            self._events.close()

    def _add(self, told: Summary, step: int) -> None:
        with writing(self._folder):
            self._events.write_event(Event(wall_time=time.time(), step=step, summary=told))
