"""The numbers of the report page, printed in the terminal."""

from collections.abc import Iterable
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from rlsel.reporting.tables import (
    GAIN,
    Row,
    Table,
    classification_table,
    cost_facts,
    finalists_table,
    kind_table,
    pattern_table,
    quality_tables,
    score_table,
    truth_table,
)
from rlsel.reporting.verdict import verdict
from rlsel.runs.record import Record

GAP = 3
"""Blanks that rich puts between two columns."""
EMPHASIS = {"learned": "bold", "oracle": "dim", "free": "dim"}


def print_table(record: Record, console: Console) -> None:
    """Print scores, the planted truth if known, the cost, warnings, and last the verdict."""
    tables = (finalists_table(record), score_table(record), truth_table(record), kind_table(record))
    _print_tables(tables, console)
    facts = (f"{number} {name}" for number, name, _ in cost_facts(record))
    console.print(Text(" · ".join(facts), style="dim"), soft_wrap=False)
    _print_warnings(record, console)
    console.print()
    console.print(Text(verdict(record)), soft_wrap=False)


def print_candidates(record: Record, console: Console) -> None:
    """Print the figures on candidates as images, before any is selected."""
    tables = (*quality_tables(record), pattern_table(record), classification_table(record))
    _print_tables(tables, console)
    if record.copies:
        console.print(Text(f"Copies: {record.copies['said']}."), soft_wrap=False)
    _print_warnings(record, console)


def _print_tables(tables: Iterable[Table | None], console: Console) -> None:
    for table in tables:
        if table and table.rows:
            console.print(_drawn(table, console.width), soft_wrap=False)
            for footnote in table.footnotes:
                console.print(Text(footnote, style="dim"), soft_wrap=False)
            console.print()


def _print_warnings(record: Record, console: Console) -> None:
    for warning in record.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=False)


def _drawn(table: Table, width: int) -> RichTable:
    """The table for rich. Names are `Text`, not markup, so a class may be called `[red]`.

    On a narrow terminal the column of the gain over uniform is left out, since the verdict and the
    page show it too. A table that is still too wide is transposed, so that no number is cut off.
    """
    if GAIN in table.columns and _natural_width(table) > width:
        table = _without(table, table.columns.index(GAIN))
    turned = _turned(table)
    if _least_width(turned) < _least_width(table) > width:
        table = turned
    drawn = RichTable(box=box.SIMPLE_HEAD, title=Text(table.title, style="bold"), pad_edge=False)
    drawn.title_justify = "left"
    for i, least in enumerate(_least_widths(table)):
        justify = "right" if i else "left"
        drawn.add_column(
            Text(table.columns[i]), justify=justify, min_width=min(least, width), overflow="fold"
        )
    for row in table.rows:
        style = EMPHASIS.get(row.emphasis, "")
        drawn.add_row(Text(row.label), *(Text(cell) for cell in row.cells), style=style)
    return drawn


def _turned(table: Table) -> Table:
    """Rows as columns."""
    cells = list(zip(*(row.cells for row in table.rows), strict=True))
    rows = [Row(name, column) for name, column in zip(table.columns[1:], cells, strict=True)]
    return replace(
        table,
        columns=(table.columns[0], *(row.label for row in table.rows)),
        rows=tuple(rows),
    )


def _least_widths(table: Table) -> list[int]:
    """Least width of each column. Headings and labels may be broken between words, numbers not."""
    return [
        max(map(len, column[0].split() + (column[1:] if i else " ".join(column[1:]).split())))
        for i, column in enumerate(_columns(table))
    ]


def _least_width(table: Table) -> int:
    return sum(width + GAP for width in _least_widths(table))


def _columns(table: Table) -> list[list[str]]:
    """The cells of each column, heading first."""
    lines = [table.columns, *((row.label, *row.cells) for row in table.rows)]
    return [list(column) for column in zip(*lines, strict=True)]


def _natural_width(table: Table) -> int:
    return sum(max(map(len, column)) + GAP for column in _columns(table))


def _without(table: Table, column: int) -> Table:
    rows = [replace(row, cells=row.cells[: column - 1] + row.cells[column:]) for row in table.rows]
    columns = table.columns[:column] + table.columns[column + 1 :]
    return replace(table, columns=columns, rows=tuple(rows))
