"""Records of benchmarks: what was measured, under which settings, on which machine.

In: cells as they are measured. Out: `records/NAME.json`, a line for each figure and each cell, and
`NAME.series.parquet` beside it where cells hold series. Every benchmark writes and reads its record
here. Read `cell_record.py` first; `layout.py` is the text and `series.py` the Parquet file.
"""

from .cell_record import CellRecord
from .files import Cell, Cells, Record, read_record, write_record

__all__ = ["Cell", "CellRecord", "Cells", "Record", "read_record", "write_record"]
