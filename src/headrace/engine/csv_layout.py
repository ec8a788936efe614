"""The layout of a CSV file: what separates its cells, and the line that has too many or too few of them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

_DELIMITERS = ",;\t|"


def delimiter(path: Path) -> str | None:
    """What separates the names in the first line; None where nothing usual does."""
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.readline(100_000)
    often = max(_DELIMITERS, key=head.count)
    return often if often in head else None


def uneven_line(complaint: str) -> str | None:
    """Which line of the file in DuckDB's complaint does not fit its header: DuckDB says only that it cannot guess."""
    named = re.search(r'sniffing file "([^"]+)"', complaint)
    separator = delimiter(Path(named[1])) if named else None
    if named is None or separator is None:
        return None
    with Path(named[1]).open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=separator)
        width = len(next(rows, []))
        for row in rows:
            if row and len(row) != width:
                return f"line {rows.line_num} of {named[1]} has {len(row)} cell(s), the header {width}"
    return None
