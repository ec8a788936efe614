"""Rules that follow from a declaration, checked by DuckDB in one pass over the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from headrace.engine.session import literal
from headrace.errors import ValidationError
from headrace.store.digests import quote

_EXAMPLES = 5


@dataclass(frozen=True)
class Rule:
    """A condition on one column.

    Attributes:
        check: what it is called in messages.
        broken: SQL that is true for a row that breaks it.
    """

    column: str
    check: str
    broken: str


def not_null(column: str) -> Rule:
    """No value is null."""
    return Rule(column, "not_nullable", f"{quote(column)} is null")


def unique(column: str) -> Rule:
    """No value occurs twice; nulls may."""
    name = quote(column)
    return Rule(column, "unique", f"{name} is not null and count(*) over (partition by {name}) > 1")


def one_of(column: str, values: Sequence[str]) -> Rule:
    """Every value is one of `values`."""
    listed = ", ".join(literal(value) for value in values)
    return Rule(column, f"isin({list(values)})", f"{quote(column)} not in ({listed})")


def between(column: str, low: float, high: float) -> Rule:
    """Every value lies between `low` and `high`, both included."""
    return Rule(column, f"in_range({low}, {high})", f"not {quote(column)} between {low} and {high}")


def check_rules(asset: str, rules: Sequence[Rule], table: str, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Count what breaks `rules`; returns the numbers of rows and rules, or raises ValidationError with examples."""
    flags = ", ".join(f"({rule.broken}) as r{number}" for number, rule in enumerate(rules))
    counts = "".join(f", count(*) filter (where r{number})" for number in range(len(rules)))
    query = f"select count(*){counts} from (select {flags or '1'} from {table})"
    rows, *broken = connection.sql(query).fetchall()[0]
    failures = [_failure(rule, count, table, connection) for rule, count in zip(rules, broken, strict=True) if count]
    if failures:
        fix = "Mend the data or the declaration. Nothing was published; the last good version stays current."
        raise ValidationError(asset, failures, fix)
    return {"rows": rows, "rules": len(rules)}


def _failure(rule: Rule, count: int, table: str, connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    chosen = f"select {quote(rule.column)} from {table} qualify {rule.broken}" if "over (" in rule.broken else None
    query = chosen or f"select {quote(rule.column)} from {table} where {rule.broken}"
    examples = [row[0] for row in connection.sql(f"{query} limit {_EXAMPLES}").fetchall()]
    return {"column": rule.column, "check": rule.check, "count": count, "examples": examples}
