"""Training sets: spine rows joined, each at its own moment, with what was known then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import duckdb

from headrace.declarations.base import table_name
from headrace.declarations.split import SPLITS, ColumnSplit, GroupSplit, TimeSplit
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.engine.feature_lists import join_list
from headrace.engine.session import literal, parquet, write_parquet
from headrace.engine.validation import require_times
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
    for table, features in join_list(connection, "spine", training_set.timestamp, training_set.listed, bench):
        columns += [f"{table}.{quote(name)}" for name in features]
        joined.append(f"join {table} using (__row)")
    _check_repeats(training_set, columns)
    split = f"{_split_sql(training_set, connection)} as {SPLIT_COLUMN}"
    query = f"select {', '.join(columns)}, {split} from {' '.join(joined)} order by __row"
    write_parquet(connection, query, bench.main_table)
    return Computed(_facts(training_set, bench))


def _make_spine(training_set: TrainingSet, connection: duckdb.DuckDBPyConnection) -> None:
    table = table_name(training_set.spine.key)
    kinds = dict(describe(connection, table))
    found = list(kinds)
    wanted = tuple(dict.fromkeys((*training_set.spine_columns(), *training_set.request_columns())))
    for name in (*wanted, *([training_set.split.column] if isinstance(training_set.split, ColumnSplit) else [])):
        if name not in found:
            raise UnknownName(training_set.where, "spine column", name, found)
    if any(view.timestamp or view.created for view in training_set.listed.views):
        require_times(training_set.spine.key, [training_set.timestamp], kinds)
    time = [quote(training_set.timestamp)] if training_set.timestamp else []
    split = training_set.split
    own = [SPLIT_COLUMN] if isinstance(split, ColumnSplit) and split.column == SPLIT_COLUMN else []
    columns = [quote(name) for name in (*wanted, *own)]
    order = ", ".join(dict.fromkeys((*time, *(quote(name) for name in training_set.keys), *columns)))
    numbered = f"select row_number() over (order by {order}) - 1 as __row, {', '.join(columns)} from {table}"
    connection.execute(f"create temp table spine as {numbered}").fetchall()


def _check_repeats(training_set: TrainingSet, columns: list[str]) -> None:
    names = [column.partition(".")[2].lower() for column in columns]
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
    if splits and not splits.get("train"):  # where nobody asks, there is nothing to divide
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
