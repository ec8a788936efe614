"""What is known of SQL statements: canonical form, columns read, and whether the order of rows matters to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from headrace.declarations.base import Declaration, table_name
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.source import Source
from headrace.lineage.canonical import digest
from headrace.lineage.fingerprint import canonical_digest
from headrace.lineage.plan import Version
from headrace.store.memo import Memo

if TYPE_CHECKING:
    import duckdb

RowOrder = Literal["any", "one thread", "sorted"]
"""Sums of doubles come out the same on one thread; what takes the first of some rows needs a fixed order too."""

_Columns = Mapping[str, tuple[str, ...]]
_Given = dict[str, list[tuple[str, str]]]
_STAR = re.compile(
    r"(\bselect|\bdistinct|\ball|,|\.|(?<!\bcount)\()\s*\*|\bcolumns\b|(^|[(;]|\ball|\bname|\bunion|\bexcept|\bintersect)\s*(from|table)\b",
    re.IGNORECASE,
)
_ANALYSIS = 4  # raise it when what an analysis finds changes


@dataclass(frozen=True)
class _Asked:
    """A statement, the tables that it may name with their columns and types, and what decides the order of rows."""

    sql: str
    tables: Mapping[str, Sequence[Sequence[str]]]
    order: Mapping[str, Sequence[str]]

    def question(self, what: str) -> str:
        return digest([_ANALYSIS, what, self.sql, dict(self.tables), dict(self.order)])

    def given(self) -> _Given:
        return {table: [(name, kind) for name, kind in columns] for table, columns in self.tables.items()}


class Analysis:
    """The columns that a statement reads, and those that each of its outputs hangs on, by asset key."""

    def __init__(self, reads: _Columns, ask: Callable[[], Mapping[str, _Columns] | None]) -> None:
        self.reads = reads
        self._ask = ask

    @cached_property
    def outputs(self) -> Mapping[str, _Columns] | None:
        """Found out when somebody looks, for it takes a plan for each column; None where that cannot be told."""
        return self._ask()


class Statements:
    """Facts about statements, each found out once and remembered beside the store's caches."""

    def __init__(self, folder: Path) -> None:
        self._texts = Memo(folder / "statements.json")
        self._columns = Memo(folder / "columns.json")
        self._lock = Lock()

    def save(self) -> None:
        self._texts.save()
        self._columns.save()

    def canonical(self, sql: str) -> str:
        """A hash that is the same for statements that differ in layout, comments and the case of keywords."""
        return str(self._known(self._texts, digest(["canonical", sql]), lambda: canonical_digest(sql)))

    def row_order(self, declaration: Declaration, inputs: Mapping[str, Version]) -> RowOrder:
        """What a view's statement needs to come out the same each time."""
        derivation = getattr(declaration, "derivation", None)
        if derivation is None or derivation.sql is None:
            return "any"
        kinds = [(name, _is_exact(kind)) for version in inputs.values() for name, kind in version.columns]
        inexact = {name for name, is_exact in kinds if not is_exact}
        exact = sorted({name for name, _ in kinds} - inexact)
        question = digest(["order", derivation.sql, exact, sorted(inexact)])
        found: RowOrder = self._known(self._texts, question, lambda: _row_order(derivation.sql, exact, inexact))
        return found

    def unstable(self, declaration: Declaration, code: Mapping[str, Any]) -> tuple[str, ...]:
        """Why it may give other data from the same inputs; `code` is what stands for its code in a fingerprint."""

        def ask() -> list[str]:
            from headrace.lineage.determinism import reasons_of

            return list(reasons_of(declaration))

        return tuple(self._known(self._texts, digest(["unstable", dict(code)]), ask))

    def analysis(self, declaration: Declaration, inputs: Mapping[str, Version]) -> Analysis | None:
        """The columns of a view's SQL, or of the conditions of its aggregates; None where there is no SQL.

        None as well where that cannot be told, as an input was never built or DuckDB refuses the statement.
        """
        sql = _sql_of(declaration)
        if sql is None or len(inputs) < len(declaration.inputs):
            return None
        order = {table_name(one.key): sorted(identity) for one in declaration.inputs if (identity := identity_of(one))}
        return self.analysis_of(sql, {key: version.columns for key, version in inputs.items()}, order)

    def analysis_of(
        self, sql: str, inputs: Mapping[str, Sequence[Sequence[str]]], order: Mapping[str, Sequence[str]] | None = None
    ) -> Analysis | None:
        """The same of a statement by itself.

        Args:
            inputs: the columns of every asset that it may read, with their types, by key.
            order: the columns that decide the order of a table's rows, by the table's name in SQL.
        """
        keys = {table_name(key): key for key in sorted(inputs)}
        asked = _Asked(sql, {table: inputs[key] for table, key in keys.items()}, order or {})
        found = self._known(self._columns, asked.question("reads"), lambda: self._ask_reads(asked))
        if found is None:
            return None
        reads = {
            key: tuple(one if table in found["whole"] else sorted(one))
            for table, key in keys.items()
            for one in [found["reads"].get(table, ())]
        }
        return Analysis(reads, partial(self._outputs, asked, keys))

    def _outputs(self, asked: _Asked, keys: Mapping[str, str]) -> dict[str, dict[str, tuple[str, ...]]] | None:
        found = self._known(self._columns, asked.question("outputs"), lambda: self._ask_outputs(asked))
        return (
            None
            if found is None
            else {name: {keys[table]: tuple(columns) for table, columns in one.items()} for name, one in found.items()}
        )

    def remembered(self, question: str, ask: Callable[[], Any]) -> Any:
        """The answer to some other question whose key says all that it depends on."""
        return self._known(self._texts, question, ask)

    def _ask_reads(self, asked: _Asked) -> dict[str, Any] | None:
        import duckdb

        from headrace.engine.sql_columns import sql_columns

        given = asked.given()
        try:
            with self._lock:  # the planner makes the tables of one statement at a time
                # Of the whole statement and of each column: one plan alone may scan less than another, see there.
                reads = sql_columns(asked.sql, given, order=asked.order, connection=self._planner).reads
                whole = self._taken_whole(asked.sql, given, reads)
        except duckdb.Error:
            return None  # it is refused when it runs, with DuckDB's own words
        return {"reads": dict(reads), "whole": whole}

    def _ask_outputs(self, asked: _Asked) -> dict[str, Any] | None:
        import duckdb

        from headrace.engine.sql_columns import sql_columns

        try:
            with self._lock:
                found = sql_columns(asked.sql, asked.given(), order=asked.order, connection=self._planner)
        except duckdb.Error:
            return None
        return {name: dict(one) for name, one in found.outputs.items()}

    def _taken_whole(self, sql: str, given: _Given, reads: _Columns) -> list[str]:
        """The tables of which a statement takes whatever columns there are, as `*` does, in the order they have."""
        from headrace.engine.sql_columns import takes_whole

        # Without a star it may still take a table's rows as structs, and then it reads every column.
        doubtful = [table for table in given if _STAR.search(sql) or len(reads.get(table, ())) == len(given[table])]
        return [table for table in doubtful if takes_whole(sql, given, table, self._planner)]

    @cached_property
    def _planner(self) -> duckdb.DuckDBPyConnection:
        from headrace.engine.sql_columns import planner

        return planner()

    @staticmethod
    def _known(memo: Memo, question: str, ask: Callable[[], Any]) -> Any:
        known = memo.get(question)
        if known is None:
            known = ask()
            memo.put(question, known)
        return known


def _sql_of(declaration: Declaration) -> str | None:
    if not isinstance(declaration, FeatureView):
        return None
    if declaration.derivation is not None:
        return declaration.derivation.sql
    conditions = [f"({one.where})" for one in declaration.windowed if one.where]
    return f"select {', '.join(conditions)} from {table_name(declaration.inputs[0].key)}" if conditions else None


def _row_order(sql: str, exact: Sequence[str], inexact: Collection[str]) -> RowOrder:
    from headrace.lineage.determinism import order_dependent

    if order_dependent(sql, exact=[*exact, *inexact]):  # even if every number were exact
        return "sorted"
    return "one thread" if order_dependent(sql, exact=exact) else "any"


def _is_exact(kind: str) -> bool:
    return "INT" in kind or kind.startswith("DECIMAL")


def identity_of(declaration: Declaration) -> tuple[str, ...]:
    """The columns by which no two rows of a table are the same and its file is sorted; none where that is not sure."""
    if isinstance(declaration, Source):
        return tuple(declaration.keys)
    if isinstance(declaration, FeatureView) and declaration.windowed:
        return (*declaration.keys, str(declaration.timestamp))
    return ()
