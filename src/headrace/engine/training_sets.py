"""Training sets: spine rows joined, each at its own moment, with what was known then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import duckdb

from headrace.declarations.base import table_name
from headrace.declarations.feature_view import FeatureSelection
from headrace.declarations.split import SPLITS, ColumnSplit, GroupSplit, TimeSplit
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.engine.feature_views import EVENTS, window_join
from headrace.engine.point_in_time import AsOfJoin, as_of_sql
from headrace.engine.session import literal, parquet, write_parquet
from headrace.engine.windows import windows_sql
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import DeclarationError, UnknownName, ValidationError
from headrace.store.digests import describe, quote


def compute_training_set(training_set: TrainingSet, bench: Workbench) -> Computed:
    """Write one row for each spine row: kept spine columns, features as of its timestamp, and its split.

    Rows are in the order of time, then keys. A row's timestamp is the moment it asks at, so nothing later is seen.
    """
    connection = bench.connection
    _make_spine(training_set, connection)
    joined = ["spine"]
    columns = [f"spine.{quote(name)}" for name in training_set.spine_columns()]
    for number, selection in enumerate(training_set.selections):
        bench.progress(f"joining {selection.view.key}", number / len(training_set.selections))
        features = join_features(connection, "spine", training_set.timestamp, selection, bench, f"joined_{number}")
        columns += [f"joined_{number}.{quote(name)}" for name in features]
        joined.append(f"join joined_{number} using (__row)")
    _check_repeats(training_set, columns)
    split = f"{_split_sql(training_set, connection)} as {SPLIT_COLUMN}"
    query = f"select {', '.join(columns)}, {split} from {' '.join(joined)} order by __row"
    write_parquet(connection, query, bench.main_table)
    return Computed(_facts(training_set, bench))


def _make_spine(training_set: TrainingSet, connection: duckdb.DuckDBPyConnection) -> None:
    table = table_name(training_set.spine.key)
    found = [name for name, _ in describe(connection, table)]
    wanted = training_set.spine_columns()
    for name in (*wanted, *([training_set.split.column] if isinstance(training_set.split, ColumnSplit) else [])):
        if name not in found:
            raise UnknownName(training_set.where, "spine column", name, found)
    time = [quote(training_set.timestamp)] if training_set.timestamp else []
    split = training_set.split
    own = [SPLIT_COLUMN] if isinstance(split, ColumnSplit) and split.column == SPLIT_COLUMN else []
    columns = [quote(name) for name in (*training_set.spine_columns(), *own)]
    order = ", ".join(dict.fromkeys((*time, *(quote(name) for name in training_set.keys), *columns)))
    numbered = f"select row_number() over (order by {order}) - 1 as __row, {', '.join(columns)} from {table}"
    connection.execute(f"create temp table spine as {numbered}").fetchall()


def join_features(
    connection: duckdb.DuckDBPyConnection,
    spine: str,
    spine_time: str | None,
    selection: FeatureSelection,
    bench: Workbench,
    target: str,
) -> list[str]:
    """Make the temp table `target` with `__row` and the selected features of each spine row; returns their names."""
    view = selection.view
    table = table_name(view.key)
    columns = [name for name, _ in describe(connection, table)]
    apart = {*view.keys, view.timestamp, view.created}
    known = tuple(name for name in columns if name not in apart)
    features = selection.features(known) or ()
    for _, name in features:
        if name not in known:
            raise UnknownName(view.where, "feature", name, known)
    _check_keys(selection, connection, spine, table)
    if view.windowed:
        events = parquet(bench.folder(view.key) / EVENTS)
        wanted = {name: output for output, name in features}
        join = window_join(view, spine, events, list(selection.keys), str(spine_time), wanted)
        query = windows_sql(join)
    else:
        query = as_of_sql(_as_of(selection, spine, spine_time, table, features))
    connection.execute(f"create or replace temp table {target} as {query}").fetchall()
    return [output for output, _ in features]


def _check_keys(selection: FeatureSelection, connection: duckdb.DuckDBPyConnection, spine: str, table: str) -> None:
    """Text is never compared with numbers: '1' and '01' would both be 1, and 'x' no number at all."""
    asking, known = dict(describe(connection, spine)), dict(describe(connection, table))
    failures: list[dict[str, object]] = [
        {
            "column": ours,
            "check": f"is {asking[ours]}, but {theirs!r} of {selection.view.key} is {known[theirs]}",
            "count": "all",
        }
        for ours, theirs in selection.keys
        if (asking[ours] == "VARCHAR") != (known[theirs] == "VARCHAR")
    ]
    if failures:
        fix = "Cast one of them in a SQL view, or declare it in its source's schema. Nothing was published."
        raise ValidationError(f"keys of {selection.view.key}", failures, fix)


def _as_of(
    selection: FeatureSelection, spine: str, spine_time: str | None, table: str, features: tuple[tuple[str, str], ...]
) -> AsOfJoin:
    view = selection.view
    return AsOfJoin(
        spine=spine,
        view=table,
        keys=selection.keys,
        spine_time=spine_time if view.timestamp or view.created else None,
        view_time=view.timestamp,
        created=view.created,
        ttl=view.lifetime,
        features=features,
    )


def _check_repeats(training_set: TrainingSet, columns: list[str]) -> None:
    names = [column.partition(".")[2] for column in columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        fix = "Give one of its views a prefix: view.on({}, prefix='x_')."
        raise DeclarationError(training_set.where, f"{', '.join(repeated)} comes from several tables.", fix=fix)


def _split_sql(training_set: TrainingSet, connection: duckdb.DuckDBPyConnection) -> str:
    split = training_set.split
    if isinstance(split, TimeSplit):
        return _time_split(split, quote(str(training_set.timestamp)), connection)
    if isinstance(split, GroupSplit):
        share = f"{unit_hash([split.by], split.seed)}"
        test, validation = split.test, split.test + split.validation
        return f"case when {share} < {test} then 'test' when {share} < {validation} then 'validation' else 'train' end"
    if isinstance(split, ColumnSplit):
        return f"spine.{quote(split.column)}::varchar"
    return "'train'"


def _time_split(split: TimeSplit, column: str, connection: duckdb.DuckDBPyConnection) -> str:
    edge = connection.sql(f"select max({column})::timestamp from spine").fetchall()[0][0]
    if edge is None:
        return "'train'"
    cases = []
    for name in ("test", "validation"):
        boundary = split.boundary(name)
        if isinstance(boundary, timedelta):
            edge = edge - boundary
            cases.append(f"when {column}::timestamp > timestamp {literal(str(edge))} then '{name}'")
        elif boundary is not None:
            edge = boundary
            cases.append(f"when {column}::timestamp >= timestamp {literal(str(edge))} then '{name}'")
    return f"case {' '.join(cases)} else 'train' end"


def unit_hash(columns: list[str], seed: int) -> str:
    """SQL for a number in [0, 1) that depends on the values of `columns` and the seed alone, on every platform.

    MD5 rather than DuckDB's hash, which may change between releases and would then move rows to other splits.
    """
    text = " || '|' || ".join(f"coalesce(spine.{quote(name)}::varchar, '')" for name in columns)
    return f"(('0x' || substr(md5({text} || '|{seed}'), 1, 8))::ubigint / 4294967296.0)"


def _facts(training_set: TrainingSet, bench: Workbench) -> dict[str, Any]:
    table = parquet(bench.main_table)
    splits = dict(bench.connection.sql(f"select {SPLIT_COLUMN}, count(*) from {table} group by all").fetchall())
    unknown = sorted({str(name) for name in splits} - set(SPLITS))
    if unknown:
        failures: list[dict[str, object]] = [
            {
                "column": SPLIT_COLUMN,
                "check": f"is {unknown[0]!r}, not train, validation or test",
                "count": splits.get(unknown[0], "some"),
            }
        ]
        raise ValidationError(training_set.key, failures)
    if not splits.get("train"):
        none: list[dict[str, object]] = [{"column": SPLIT_COLUMN, "check": "leaves no row to train on", "count": 0}]
        raise ValidationError(training_set.key, none, "Mend split= or the spine. Nothing was published.")
    return {"split": {name: splits[name] for name in SPLITS if name in splits}, "labels": _labels(training_set, bench)}


def _labels(training_set: TrainingSet, bench: Workbench) -> dict[str, Any]:
    table = parquet(bench.main_table)
    found: dict[str, Any] = {}
    for label in training_set.labels:
        name = quote(label)
        counts = f"select count(*), count({name}), count(distinct {name}) from {table}"
        rows, known, distinct = bench.connection.sql(counts).fetchall()[0]
        found[label] = {"null": rows - known, "distinct": distinct}
    return found
