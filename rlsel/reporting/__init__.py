"""The report on a finished run: `report.html`, figures, and tables in the terminal.

In: a run folder, and nothing else. Out: one page that opens offline. Read `page.py` first.
"""

from rlsel.reporting.page import write_report
from rlsel.reporting.terminal import print_candidates, print_table

__all__ = ["print_candidates", "print_table", "write_report"]
