"""Checks at every edge: a table against its pandera schema, declared by the user or derived from the declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.matrix import Matrix
from headrace.declarations.source import Source
from headrace.declarations.split import SPLITS
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.declarations.transform import Transform
from headrace.errors import ValidationError


def validate(declaration: Declaration, path: Path) -> dict[str, Any]:
    """Check the table at `path`; returns what was checked, or raises ValidationError before anything is published.

    Shape (columns, types) is checked first: rules about rows say little while a column is missing.
    """
    schema = schema_of(declaration, pl.read_parquet_schema(path))
    frame = pl.read_parquet(path, columns=[name for name in schema.columns if name in pl.read_parquet_schema(path)])
    _validate(
        declaration, schema, frame.lazy(), "Nothing was published."
    )  # of a lazy frame pandera sees the shape only
    _validate(declaration, schema, frame, "Nothing was published; the last good version stays current.")
    rules = sum(
        len(column.checks or ()) + (not column.nullable) + bool(column.unique) for column in schema.columns.values()
    )
    return {"rows": frame.height, "columns": len(schema.columns), "rules": rules}


def schema_of(declaration: Declaration, found: Any) -> Any:
    """The pandera schema of a declaration's table whose columns are `found` (name to polars dtype)."""
    declared = getattr(declaration, "schema", None)
    if declared is not None:
        return declared
    return _derived(declaration, dict(found))


def _derived(declaration: Declaration, found: dict[str, Any]) -> Any:
    import pandera.polars as pa

    filled = _never_null(declaration)
    checks = {SPLIT_COLUMN: [pa.Check.isin(SPLITS)]} if isinstance(declaration, TrainingSet | Matrix) else {}
    if isinstance(declaration, CascadeStage | Cascade):
        checks = {name: [pa.Check.in_range(0.0, 1.0)] for name in found if name.startswith("probability")}
    unique = {"column"} if isinstance(declaration, Transform) else set()
    columns = {
        name: pa.Column(kind, nullable=name not in filled, unique=name in unique, checks=checks.get(name))
        for name, kind in found.items()
    }
    return pa.DataFrameSchema(columns, name=declaration.key)


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
    grouped = cases.group_by("column", "check", maintain_order=True).agg(
        pl.len().alias("count"), pl.col("failure_case").head(5).alias("examples")
    )
    return [{**row, "column": row["column"] or "(table)"} for row in grouped.to_dicts()]
