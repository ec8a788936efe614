"""Rows that a function gives: what a source declared with `hr.source` is made of."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from headrace.declarations.duration import parse_duration
from headrace.declarations.source import Source
from headrace.errors import SourceError

TABLE = "given"


def function_parts(source: Source, now: float | None = None) -> dict[str, Any]:
    """What stands for the rows that the function would give now; raises SourceError for an answer that is no JSON.

    Args:
        now: seconds since 1970; by default the clock's.
    """
    parts: dict[str, Any] = {}
    if source.changed is not None:
        parts["answer of changed()"] = _json(source, source.changed())
    if source.every is not None:
        seconds = parse_duration(source.every, source.where).total_seconds()
        parts[f"times of {source.every} since 1970"] = int((time.time() if now is None else now) // seconds)
    return parts


@contextmanager
def given_rows(source: Source, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """What the function gives, as something to select from within this block."""
    if source.function is None:
        raise SourceError(source.name, source.origin, "has no function.", "Declare it with hr.source.")
    connection.register(TABLE, _arrow(source, source.function()))
    try:
        yield TABLE
    finally:
        connection.unregister(TABLE)


def _arrow(source: Source, made: Any) -> Any:
    import pyarrow as pa

    made = made.collect() if hasattr(made, "collect") else made
    if hasattr(made, "to_arrow"):
        return made.to_arrow()
    if hasattr(made, "__arrow_c_stream__"):
        return pa.table(made)
    problem = f"returned {type(made).__name__}, not a frame."
    raise SourceError(source.name, source.origin, problem, "Return a polars frame or an Arrow table.")


def _json(source: Source, answer: Any) -> Any:
    try:
        return json.loads(json.dumps(answer))
    except (TypeError, ValueError) as error:
        fix = "Return numbers, texts, or lists of them, such as max(id) or str(a date). Nothing was published."
        problem = f"changed() answered {answer!r}, which is no JSON value."
        raise SourceError(source.name, source.origin, problem, fix) from error
