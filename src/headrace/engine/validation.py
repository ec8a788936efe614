"""Checks at every edge: a table against its pandera schema, declared by the user or derived from the declaration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.matrix import Matrix
from headrace.declarations.source import Source
from headrace.declarations.split import SPLITS
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.declarations.transform import Transform
from headrace.engine.rules import Rule, between, check_rules, not_null, one_of, unique
from headrace.engine.session import parquet
from headrace.errors import ValidationError
from headrace.store.digests import describe

if TYPE_CHECKING:
    import duckdb
    import polars as pl


def validate(
    declaration: Declaration, path: Path, connection: duckdb.DuckDBPyConnection, columns: Sequence[str] | None = None
) -> dict[str, Any]:
    """Check the table at `path`; returns what was checked, or raises ValidationError before anything is published.

    A declared schema is pandera's to check: its shape (columns, types) first, as rules about rows say little while a
    column is missing. What follows from a declaration by itself is counted by DuckDB.

    Args:
        columns: those of the table, where they are known.
    """
    schema = getattr(declaration, "schema", None)
    if schema is not None:
        return _by_pandera(declaration, schema, path)
    table = parquet(path)
    columns = [name for name, _ in describe(connection, table)] if columns is None else columns
    return check_rules(declaration.key, _derived(declaration, columns), table, connection) | {"columns": len(columns)}


def _by_pandera(declaration: Declaration, schema: Any, path: Path) -> dict[str, Any]:
    import polars as pl

    found = pl.read_parquet_schema(path)
    frame = pl.read_parquet(path, columns=[name for name in schema.columns if name in found])
    # Of a lazy frame pandera sees the shape only.
    _validate(declaration, schema, frame.lazy(), "Nothing was published.")
    _validate(declaration, schema, frame, "Nothing was published; the last good version stays current.")
    rules = sum(
        len(column.checks or ()) + (not column.nullable) + bool(column.unique) for column in schema.columns.values()
    )
    return {"rows": frame.height, "columns": len(schema.columns), "rules": rules}


def require_times(asset: str, columns: Iterable[str | None], kinds: Mapping[str, str]) -> None:
    """Refuse columns that are no times, such as a text that CSV did not take for one; None is no column.

    Args:
        kinds: names and SQL types of all columns.
    """
    lowered = {name.lower(): kind for name, kind in kinds.items()}
    failures: list[dict[str, object]] = [
        {"column": name, "check": f"is {lowered[name.lower()]}, no time", "count": "all"}
        for name in columns
        if name is not None and not lowered[name.lower()].startswith(("TIMESTAMP", "DATE"))
    ]
    if failures:
        raise ValidationError(asset, failures, "Declare its type in the schema, or cast it to TIMESTAMP or DATE.")


def _derived(declaration: Declaration, found: Sequence[str]) -> list[Rule]:
    """What has to hold of an asset's rows because of what it is."""
    rules = [not_null(name) for name in found if name in _never_null(declaration)]
    if isinstance(declaration, TrainingSet | Matrix):
        rules.append(one_of(SPLIT_COLUMN, SPLITS))
    if isinstance(declaration, CascadeStage | Cascade):
        rules += [between(name, 0.0, 1.0) for name in found if name.startswith("probability")]
    if isinstance(declaration, Transform):
        rules.append(unique("column"))
    return rules


def _never_null(declaration: Declaration) -> set[str]:
    if isinstance(declaration, Source):
        return set(declaration.keys)
    if isinstance(declaration, FeatureView):
        return {declaration.timestamp} if declaration.timestamp else set()
    if isinstance(declaration, TrainingSet):
        return {*declaration.keys, *filter(None, [declaration.timestamp]), SPLIT_COLUMN}
    if isinstance(declaration, Matrix):
        return {*declaration.rows.keys, SPLIT_COLUMN}
    return {"column", "feature", "encoder"} if isinstance(declaration, Transform) else set()


def _validate(declaration: Declaration, schema: Any, frame: pl.DataFrame | pl.LazyFrame, fix: str) -> None:
    from pandera.errors import SchemaError, SchemaErrors

    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        raise ValidationError(
            declaration.key, _failures(error.failure_cases), f"Mend the data or the schema. {fix}"
        ) from error
    except SchemaError as error:
        failures: list[dict[str, object]] = [{"column": "(table)", "check": str(error), "count": "some"}]
        raise ValidationError(declaration.key, failures, f"Mend the data or the schema. {fix}") from error


def _failures(cases: pl.DataFrame) -> list[dict[str, object]]:
    """Pandera's failure cases, one entry a broken rule with its count and first values."""
    import polars as pl

    grouped = cases.group_by("column", "check", maintain_order=True).agg(
        pl.len().alias("count"), pl.col("failure_case").head(5).alias("examples")
    )
    return [{**row, "column": row["column"] or "(table)"} for row in grouped.to_dicts()]
