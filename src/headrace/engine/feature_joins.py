"""Feature joins: what a view knew at the moment of each asking row, as a table of its own."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from headrace.declarations.base import table_name
from headrace.declarations.feature_view import FeatureSelection
from headrace.engine.feature_readers import Reader, open_reader
from headrace.engine.point_in_time_asked import ask
from headrace.engine.workbench import Workbench
from headrace.errors import UnknownName, ValidationError
from headrace.store.digests import describe, quote

# What DuckDB calls the type of a column of nulls that came without one.
UNTYPED = '"NULL"'


def join_features(
    connection: duckdb.DuckDBPyConnection,
    spine: str,
    spine_time: str | None,
    selection: FeatureSelection,
    bench: Workbench,
    target: str,
) -> list[str]:
    """Make the temp view `target` with `__row` and the selected features of each spine row; returns their names."""
    found, kinds = take_features(connection, spine, spine_time, selection, bench)
    _show(connection, target, found, kinds)
    return list(found.column_names[1:])


def take_features(
    connection: duckdb.DuckDBPyConnection,
    spine: str,
    spine_time: str | None,
    selection: FeatureSelection,
    bench: Workbench,
) -> tuple[pa.Table, list[str]]:
    """`__row` and the selected features of each spine row, in the order of the spine, and their SQL types.

    How the rows are found, and whether by an index, is decided once for each selection and remembered in
    `bench.readers`, so that a spine can be joined batch by batch.
    """
    features = _features(connection, selection)
    _check_keys(selection, connection, spine, table_name(selection.view.key))
    question = (selection.view.key, selection.keys, features, spine_time)
    reader: Reader | None = bench.readers.get(question)
    if reader is None:
        reader = bench.readers[question] = open_reader(connection, spine, spine_time, selection, features, bench)
    asked = ask(connection, spine, [ours for ours, _ in selection.keys], spine_time, ["__row"])
    columns = reader.take(asked, spine)
    return pa.table([asked.table["__row"], *columns], ["__row", *(output for output, _ in features)]), reader.kinds


def _features(connection: duckdb.DuckDBPyConnection, selection: FeatureSelection) -> tuple[tuple[str, str], ...]:
    view = selection.view
    apart = {*view.keys, view.timestamp, view.created}
    known = tuple(name for name, _ in describe(connection, table_name(view.key)) if name not in apart)
    features = selection.features(known) or ()
    for _, name in features:
        if name not in known:
            raise UnknownName(view.where, "feature", name, known)
    return features


def _show(connection: duckdb.DuckDBPyConnection, target: str, table: pa.Table, kinds: list[str]) -> None:
    """Make an Arrow table a temp view, its columns of these SQL types: Arrow does not tell all of DuckDB's apart."""
    held = f"__held_{target}"
    connection.register(held, table)
    found = describe(connection, held)[1:]
    shown = ["__row"]
    for (name, kind), wanted in zip(found, kinds, strict=True):
        shown.append(quote(name) if kind == wanted else f"{quote(name)}::{wanted} as {quote(name)}")
    connection.execute(f"create or replace temp view {target} as select {', '.join(shown)} from {held}").fetchall()


def _check_keys(selection: FeatureSelection, connection: duckdb.DuckDBPyConnection, spine: str, table: str) -> None:
    """Text is never compared with numbers: '1' and '01' would both be 1, and 'x' no number at all.

    A column of nothing but nulls may have no type; it matches nothing.
    """
    asking, known = dict(describe(connection, spine)), dict(describe(connection, table))
    failures: list[dict[str, object]] = [
        {
            "column": ours,
            "check": f"is {asking[ours]}, but {theirs!r} of {selection.view.key} is {known[theirs]}",
            "count": "all",
        }
        for ours, theirs in selection.keys
        if (asking[ours] == "VARCHAR") != (known[theirs] == "VARCHAR") and asking[ours] != UNTYPED
    ]
    if failures:
        fix = "Cast one of them in a SQL view, or declare it in its source's schema. Nothing was published."
        raise ValidationError(f"keys of {selection.view.key}", failures, fix)
