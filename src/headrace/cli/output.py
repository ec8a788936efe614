"""Results of queries: into files, or on stdout as a table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.cli.console import say, say_json
from headrace.cli.format import table, to_json
from headrace.errors import HeadraceError, name_list

if TYPE_CHECKING:
    import duckdb

FORMATS = {
    ".parquet": "format parquet, compression zstd",
    ".csv": "format csv, header true",
    ".json": "format json, array true",
    ".jsonl": "format json",
}


def output_file(text: str) -> Path:
    """An argument that names a file to write, its format told by its ending."""
    path = Path(text)
    if path.suffix.lower() not in FORMATS:
        raise argparse.ArgumentTypeError(f"{text} should end with {name_list(FORMATS)}")
    return path


def write_result(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write a query's result into a file that appears whole or not at all; returns the rows."""
    import duckdb

    from headrace.engine.session import literal

    draft = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    copy = f"copy ({query}) to {literal(str(draft))} ({FORMATS[path.suffix.lower()]})"
    try:
        rows: int = connection.execute(copy).fetchall()[0][0]
        draft.replace(path)
    except (duckdb.IOException, OSError) as error:
        raise HeadraceError(f"{path} cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return rows


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]], limit: int) -> None:
    """Print the first rows as a table, and how many there are."""
    for line in table(names, rows[:limit]):
        say(line)
    if len(rows) > limit:
        say((f"first {limit:,} of {len(rows):,} rows", "dim"))


def print_json(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print the rows as one JSON array of objects; bytes in base64."""
    say_json([{name: to_json(value) for name, value in zip(names, row, strict=True)} for row in rows])


def print_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print the rows as CSV; null is empty, bytes are in base64."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([to_json(value) for value in row] for row in rows)
