"""Column dependencies of random SQL statements, against a parser's: every column in `sqlglot`'s qualified scopes.

Lists of dependencies are tried out: columns that are not in one are given other values, and what it is a list of may
not move. What is listed and never moved may do so with other data.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial

from benchmarks.measure import OURS, Case, interleave
from headrace.engine.sql_columns import SqlColumns, planner, sql_columns
from tests.engine.sql_fuzz import Finder, Known, Order, Tally, open_engine, random_statement, try_statement, types

PARSER = "sqlglot scopes"
CHECKS = {OURS: 10_000, PARSER: 1_000}


def run(quick: bool = False) -> list[Case]:
    """One comparison; how many checks each passed is part of it."""
    with closing(planner()) as plans:

        def ours(sql: str, tables: Known, order: Order | None, width: int) -> SqlColumns:
            return sql_columns(sql, tables, order=order, connection=plans)

        finders: dict[str, Finder] = {OURS: ours, PARSER: by_parser}
        tallies = {name: tally(find, 30 if quick else CHECKS[name]) for name, find in finders.items()}
        statements = [statement(seed, ours) for seed in range(3 if quick else 100)]
        timings, _ = interleave({name: partial(find_all, find, statements) for name, find in finders.items()})
    assert not tallies[OURS].unsound, tallies[OURS].unsound[0]
    compared = "; ".join(f"{name}: {words(one)}" for name, one in tallies.items())
    return [Case(f"{len(statements)} random statements", timings, compared)]


def tally(find: Finder, checks: int) -> Tally:
    """As many random statements as make that many checks."""
    made, seed = Tally(), 0
    with closing(open_engine()) as engine:
        while made.checks < checks:
            try_statement(engine, find, seed, made)
            seed += 1
    return made


def words(made: Tally) -> str:
    """
    >>> words(Tally(statements=2, checks=20, listed=4, moved=3))
    '20 checks of 2 statements, 0 unsound, 75 % of the listed dependencies moved what they are listed for'
    """
    return (
        f"{made.checks:,} checks of {made.statements:,} statements, {len(made.unsound):,} unsound, "
        f"{made.precision:.0%} of the listed dependencies moved what they are listed for".replace("%", " %")
    )


def statement(seed: int, find: Finder) -> tuple[str, Known, Order | None, int]:
    tables, sql, order, _ = random_statement(seed)
    return sql, types(tables), order, len(find(sql, types(tables), order, 0).outputs)


def find_all(find: Finder, statements: Sequence[tuple[str, Known, Order | None, int]]) -> int:
    return sum(len(find(*one).outputs) for one in statements)


def by_parser(sql: str, tables: Known, order: Order | None, width: int) -> SqlColumns:
    """Every column that the statement names, for each column of its result; every column if it is not understood."""
    from sqlglot.errors import SqlglotError

    try:
        reads = _named_columns(sql, tables)
    except (SqlglotError, AssertionError, AttributeError, KeyError, TypeError, ValueError):
        reads = {table: tuple(name for name, _ in columns) for table, columns in tables.items()}
    return SqlColumns(reads, {str(place): reads for place in range(width)}, reads)


def _named_columns(sql: str, tables: Known) -> dict[str, tuple[str, ...]]:
    from sqlglot import exp, parse_one
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    schema: dict[str, dict[str, dict[str, str]]] = {}
    for key, columns in tables.items():
        folder, _, table = key.partition(".")
        schema.setdefault(folder, {})[table] = dict(columns)
    # Names come back in lower case.
    known = {(key.lower(), name.lower()): (key, name) for key, columns in tables.items() for name, _ in columns}
    found: dict[str, set[str]] = {}
    for scope in traverse_scope(qualify(parse_one(sql, dialect="duckdb"), schema=schema, dialect="duckdb")):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                found.setdefault(known[f"{source.db}.{source.name}".lower(), "id"][0], set())
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                key, name = known[f"{source.db}.{source.name}".lower(), column.name.lower()]
                found[key].add(name)
    return {key: tuple(names) for key, names in found.items()}
