"""What a declaration needs to know of a pandera schema, without importing pandera."""

from __future__ import annotations

from typing import Any

from headrace.errors import DeclarationError


def resolve_schema(where: str, schema: Any) -> Any:
    """The `DataFrameSchema` behind a pandera `DataFrameModel`, or the schema itself; None stays None."""
    if schema is None:
        return None
    resolved = schema.to_schema() if hasattr(schema, "to_schema") else schema
    if not hasattr(resolved, "columns") or not hasattr(resolved, "validate"):
        fix = "Give a pandera.polars DataFrameModel class or DataFrameSchema."
        raise DeclarationError(where, f"schema is {type(schema).__name__}.", fix=fix)
    return resolved


def schema_columns(schema: Any) -> tuple[str, ...]:
    """The column names of a resolved schema."""
    return tuple(schema.columns)


def describe_schema(schema: Any) -> dict[str, Any] | None:
    """A schema's rules as JSON values: what decides which rows are valid."""
    if schema is None:
        return None
    columns = {name: _describe_column(column) for name, column in schema.columns.items()}
    checks = [_describe_check(check) for check in schema.checks or ()]
    return {
        "columns": columns,
        "checks": checks,
        "order": list(columns),
        "strict": str(schema.strict),
        "coerce": bool(schema.coerce),
        "unique": list(schema.unique or ()),
    }


def _describe_column(column: Any) -> dict[str, Any]:
    return {
        "dtype": str(column.dtype),
        "nullable": bool(column.nullable),
        "unique": bool(column.unique),
        "required": bool(column.required),
        "coerce": bool(column.coerce),
        "checks": [_describe_check(check) for check in column.checks or ()],
    }


def _describe_check(check: Any) -> dict[str, Any]:
    statistics = {str(name): _text(value) for name, value in (check.statistics or {}).items()}
    return {"name": str(check.name), "statistics": statistics, "ignore_na": bool(check.ignore_na)}


def _text(value: Any) -> str:
    """A bound of a check; the order of a set's repr differs from process to process."""
    return f"{{{', '.join(sorted(map(repr, value)))}}}" if isinstance(value, set | frozenset) else repr(value)
