"""The same numbers as on the page, for the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from rlsel.records import Record
from rlsel.reporting.tables import Table, cost_facts, kind_table, score_table, truth_table
from rlsel.reporting.verdict import verdict

EMPHASIS = {"learned": "bold", "oracle": "dim", "free": "dim"}


def print_table(record: Record, console: Console) -> None:
    """Print scores, the truth where it is known, what it cost, warnings, and last the verdict."""
    for table in (score_table(record), truth_table(record), kind_table(record)):
        if table and table.rows:
            console.print(_drawn(table))
            console.print()
    facts = (f"{number} {name}" for number, name, _ in cost_facts(record))
    console.print(Text(" · ".join(facts), style="dim"), soft_wrap=False)
    for warning in record.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=False)
    console.print()
    console.print(Text(verdict(record)), soft_wrap=False)


def _drawn(table: Table) -> RichTable:
    """Names are `Text`, never markup: a class called `[red]` is printed as it stands."""
    drawn = RichTable(box=box.SIMPLE_HEAD, title=Text(table.title, style="bold"), pad_edge=False)
    drawn.title_justify = "left"
    for i, column in enumerate(table.columns):
        drawn.add_column(Text(column), justify="right" if i else "left", no_wrap=i > 0)
    for row in table.rows:
        style = EMPHASIS.get(row.emphasis, "")
        drawn.add_row(Text(row.label), *(Text(cell) for cell in row.cells), style=style)
    return drawn
