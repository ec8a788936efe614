"""Which columns a SQL statement makes the values of each of its columns of, told from what only filters or joins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from headrace.declarations.base import table_name
from headrace.lineage.column_lineage import EVERY, Known, Lineage

if TYPE_CHECKING:
    from sqlglot.expressions import Expr
    from sqlglot.lineage import Node


def refined(lineage: Lineage, traced: Mapping[str, Sequence[str]]) -> Lineage:
    """Move to `rows` what decides a statement's columns without being part of their values.

    Nothing is lost: what was not traced stays in `values`.

    Args:
        lineage: with everything that can change each column in `values`.
        traced: what `trace` found in the statement.

    >>> refined(Lineage({"a": ["t.x", "t.y"]}), {"a": ["t.x"]})
    Lineage(values={'a': ['t.x']}, rows={'a': ['t.y']}, sql=None)
    """
    values, rows = dict(lineage.values), dict(lineage.rows)
    for name, found in traced.items():
        everything = lineage.values.get(name, [])
        made_of = [one for one in found if one in everything or f"{one.partition('.')[0]}.{EVERY}" in everything]
        if found and not made_of:
            continue
        values[name] = made_of
        others = [one for one in everything if one not in made_of]
        if others:
            rows[name] = others
    return Lineage(values, rows)


def trace(sql: str, columns: Sequence[str], known: Known) -> dict[str, list[str]]:
    """For each column that can be traced by parsing the statement, the input columns in its expression.

    Args:
        columns: the columns of the result, in order.
        known: of each input the columns that may be mentioned, by asset key.

    >>> known = {"sources/orders": ["id", "amount", "state"]}
    >>> trace("select amount * 2 as twice from sources.orders where state = 'paid'", ["twice"], known)
    {'twice': ['sources/orders.amount']}
    >>> trace("this is no SQL ((", ["twice"], known)
    {}
    """
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    schema: dict[str, dict[str, dict[str, str]]] = {}
    tables: dict[str, tuple[str, Mapping[str, str]]] = {}
    for key, names in known.items():
        table = table_name(key)
        database, _, name = table.partition(".")
        schema.setdefault(database, {})[name] = dict.fromkeys(names or ("",), "VARCHAR")
        tables[table.lower()] = key, {one.lower(): one for one in names}
    try:
        nodes = list(lineage(None, sql, schema, dialect="duckdb", trim_selects=False).values())
        if len(nodes) != len(columns):
            return {}
        found = {name: _leaves(node, tables) for name, node in zip(columns, nodes, strict=True)}
    except (SqlglotError, ValueError, KeyError, AttributeError, RecursionError):
        return {}
    return {name: origins for name, origins in found.items() if origins is not None}


def _leaves(node: Node, tables: Mapping[str, tuple[str, Mapping[str, str]]]) -> list[str] | None:
    """The input columns at the end of a trace; None where there must be some that it did not follow."""
    from sqlglot import exp

    # Ways to mention columns that sqlglot does not follow: `#1`, a table as a value, `columns(...)`, `note.upper()`.
    hidden = (exp.PositionalColumn, exp.TableColumn, exp.Columns, exp.Dot, exp.Placeholder, exp.Parameter)
    found: dict[str, None] = {}
    for one in node.walk():
        if isinstance(one.expression, exp.Table):
            table = f"{one.expression.db}.{one.expression.name}".lower()
            if table not in tables:
                return None
            key, names = tables[table]
            column = one.name.rpartition(".")[2].strip('"')
            found[f"{key}.{names.get(column.lower(), column)}"] = None
        elif one.expression.find(*hidden) or (not one.downstream and _mentions_columns(one.expression)):
            return None
    return sorted(found)


def _mentions_columns(expression: Expr) -> bool:
    from sqlglot import exp

    mentions = expression.find_all(exp.Column, exp.Query, exp.Star)
    return any(not isinstance(one.parent, exp.Count) or not isinstance(one, exp.Star) for one in mentions)
