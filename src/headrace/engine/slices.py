"""Which rows of a table belong to one partition, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from headrace.declarations.partitions import Partitions, TimePartitions
from headrace.engine.point_in_time import instant
from headrace.engine.session import literal
from headrace.store.digests import quote

_QUARTER = 900_000_000  # microseconds; no zone's days or hours begin within one


@dataclass(frozen=True)
class Slice:
    """One partition while it is computed.

    Attributes:
        files: the raw files that hold it, for a source.
        alone: they hold nothing else; a row of another partition is then a mistake.
        staged: its rows, where they were taken out of the files already.
    """

    label: str
    condition: str
    files: Sequence[Path] = field(default=())
    alone: bool = False
    staged: Path | None = None


def slice_of(partitions: Partitions, label: str) -> Slice:
    """The rows of one partition.

    >>> from headrace.declarations.partitions import ByKey
    >>> slice_of(ByKey("country"), "de").condition
    '"country"::varchar = \\'de\\''
    """
    column = str(partitions.column)
    if isinstance(partitions, TimePartitions):
        first, end = partitions.edges(label)
        condition = f"({instant(column)} >= {first} and {instant(column)} < {end})"
    else:
        condition = f"{quote(column)}::varchar = {literal(label)}"
    return Slice(label, condition)


def labels_in(connection: duckdb.DuckDBPyConnection, partitions: Partitions, table: str) -> tuple[dict[str, int], int]:
    """The partitions that rows of a table belong to, with how many rows, and how many belong to none."""
    found: dict[str, int] = {}
    lost = 0
    query = f"select {_mark(partitions)} as mark, count(*) from {table} group by mark"
    for mark, rows in connection.sql(query).fetchall():
        label = _label(partitions, mark)
        if label is None:
            lost += rows
        else:
            found[label] = found.get(label, 0) + rows
    return dict(sorted(found.items())), lost


def split(
    connection: duckdb.DuckDBPyConnection, partitions: Partitions, table: str, labels: Sequence[str], folder: Path
) -> dict[str, Path]:
    """Write the rows of each of these partitions of a table into a Parquet file of its own, in one pass."""
    import pyarrow as pa  # only here: it takes longer to import than most builds do without it

    marks = connection.sql(f"select distinct {_mark(partitions)} as mark from {table}").to_arrow_table()
    places = {label: place for place, label in enumerate(labels)}
    found = [places.get(_label(partitions, mark) or "") for mark in marks["mark"].to_pylist()]
    connection.register("parts", marks.append_column("__part", pa.array(found, pa.int64())))
    joined = f"select t.*, __part from {table} t join parts on {_mark(partitions)} = mark where __part is not null"
    options = "format parquet, partition_by (__part)"
    connection.execute(f"copy ({joined}) to {literal(str(folder))} ({options})").fetchall()
    connection.unregister("parts")
    return {label: folder / f"__part={place}" for label, place in places.items()}


def _mark(partitions: Partitions) -> str:
    """What tells partitions apart, as far as SQL can: a quarter of an hour, or the key as text."""
    if not isinstance(partitions, TimePartitions):
        return f"{quote(str(partitions.column))}::varchar"
    at = instant(str(partitions.column))
    return f"({at} - ({at} % {_QUARTER} + {_QUARTER}) % {_QUARTER})"


def _label(partitions: Partitions, mark: Any) -> str | None:
    if mark is None:
        return None
    return partitions.label_at(mark) if isinstance(partitions, TimePartitions) else str(mark)
