"""Which columns of which inputs each column of an asset comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.declarations.base import Declaration, table_name
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.matrix import Matrix
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.declarations.transform import Transform

Origins = dict[str, list[str]]
Known = Mapping[str, Sequence[str]]


def column_lineage(declaration: Declaration, columns: Sequence[str], known: Known) -> Origins:
    """`{column: ["sources/orders.amount", ...]}`; an empty list for what comes from no input column.

    Args:
        columns: the asset's columns.
        known: the columns of each input, by asset key.
    """
    if isinstance(declaration, FeatureView):
        return _of_view(declaration, columns, known)
    if isinstance(declaration, TrainingSet):
        return _of_training_set(declaration, columns, known)
    if isinstance(declaration, Matrix):
        return {name: [f"{declaration.rows.key}.{name}"] for name in columns if name in known[declaration.rows.key]}
    if isinstance(declaration, Transform):
        return {name: [f"{declaration.fit_on.key}.{name}"] for name in declaration.required()}
    return {name: [f"{key}.*" for key in known] for name in columns} if known else {}


def _of_view(view: FeatureView, columns: Sequence[str], known: Known) -> Origins:
    if view.derivation is not None:
        if view.derivation.sql is not None:
            return sql_lineage(view.derivation.sql, columns, known)
        return {name: [f"{key}.*" for key in known] for name in columns}
    key = view.inputs[0].key
    origins: Origins = {name: [f"{key}.{name}"] for name in columns if name in known[key]}
    origins |= {name: [f"{key}.{column}"] for name, column in view.selected or ()}
    for one in view.windowed:
        read = dict.fromkeys(filter(None, (one.column, *view.keys, view.timestamp, view.created)))
        origins[one.name] = [f"{key}.{name}" for name in read]
    return origins


def _of_training_set(training_set: TrainingSet, columns: Sequence[str], known: Known) -> Origins:
    spine = training_set.spine.key
    origins: Origins = {name: [f"{spine}.{name}"] for name in training_set.spine_columns()}
    for selection in training_set.selections:
        for output, name in selection.features(known[selection.view.key]) or ():
            if output in columns and output not in origins:
                origins[output] = [f"{selection.view.key}.{name}"]
    split_by = [training_set.timestamp] if training_set.timestamp else []
    return {**origins, SPLIT_COLUMN: [f"{spine}.{name}" for name in split_by]}


def sql_lineage(sql: str, columns: Sequence[str], known: Known) -> Origins:
    """The origins of a statement's columns, by parsing it; every column of every input where that is not possible."""
    from sqlglot.errors import SqlglotError

    everything = [f"{key}.*" for key in known]
    tables = {table_name(key): key for key in known}
    origins: Origins = {}
    for column in columns:
        try:
            origins[column] = _trace(sql, column, tables, known) or everything
        except (SqlglotError, ValueError, KeyError):
            origins[column] = everything
    return origins


def _trace(sql: str, column: str, tables: Mapping[str, str], known: Known) -> list[str]:
    from sqlglot import exp
    from sqlglot.lineage import lineage

    schema: dict[str, dict[str, dict[str, str]]] = {}
    for table, key in tables.items():
        database, _, name = table.partition(".")
        schema.setdefault(database, {})[name] = dict.fromkeys(known[key], "VARCHAR")
    found: list[str] = []
    for node in lineage(column, sql, schema=schema, dialect="duckdb").walk():
        if isinstance(node.expression, exp.Table) and not node.downstream:
            table = f"{node.expression.db}.{node.expression.name}"
            if table in tables:
                found.append(f"{tables[table]}.{node.name.rpartition('.')[2].strip(chr(34))}")
    return sorted(set(found))
