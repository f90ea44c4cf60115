"""Series of cells, such as the reward of each iteration, in a Parquet file beside the record.

A row for each step of each cell: the column `cell` names it, and every other column is a series. As
text these numbers would be most of a record, and no table is made of them.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rlsel.machine.atomic_files import replacing

from .layout import rounded

CELL = "cell"
Series = dict[str, list[float | None]]
"""Name -> a value for each step."""


def path_of_series(path: Path) -> Path:
    """`NAME.series.parquet` of the record `NAME.json`."""
    return path.with_suffix(".series.parquet")


def write_series(path: Path, series: Mapping[str, Series]) -> None:
    """Replace the file.

    Args:
        series: Cell -> its series, all of one length. Seven digits are kept.

    Raises:
        ValueError: the series of a cell have different lengths.
    """
    names = dict.fromkeys(name for of_cell in series.values() for name in of_cell)
    cells: list[str] = []
    columns: dict[str, list[float | None]] = {name: [] for name in names}
    for cell, of_cell in series.items():
        lengths = {len(values) for values in of_cell.values()}
        if len(lengths) > 1:
            raise ValueError(f"{cell}: its series have different lengths: {sorted(lengths)}")
        length = max(lengths, default=0)
        cells += [cell] * length
        for name, column in columns.items():
            column.extend(of_cell.get(name, [None] * length))
    table = pa.table(
        {CELL: pa.array(cells, pa.string())}
        | {name: pa.array(column, pa.float32()) for name, column in columns.items()}
    )
    with replacing(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=15,
            use_dictionary=[CELL],
            column_encoding=dict.fromkeys(names, "BYTE_STREAM_SPLIT"),
        )


def read_series(path: Path) -> dict[str, Series]:
    """Cell -> its series; a series that a cell never had a value of is left out."""
    table = pq.read_table(path)
    cells = table.column(CELL).to_pylist()
    series: dict[str, Series] = {cell: {} for cell in cells}
    for name in table.column_names:
        if name != CELL:
            for cell, value in zip(cells, table.column(name).to_pylist(), strict=True):
                series[cell].setdefault(name, []).append(rounded(value))
    return {cell: _known(of_cell) for cell, of_cell in series.items()}


def _known(series: Series) -> Series:
    return {
        name: values
        for name, values in series.items()
        if any(value is not None for value in values)
    }
