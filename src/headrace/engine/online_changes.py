"""What differs between two snapshots of a view, as rows for the online store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from headrace.engine.online import IDENTITY, lowered
from headrace.engine.point_in_time import instant
from headrace.engine.session import connect, parquet
from headrace.store.digests import describe, quote
from headrace.store.online.base import Change, OnlineSchema
from headrace.store.online.times import from_micros

_AT_ONCE = 20_000


def schema_of(facts: Mapping[str, Any], version: str, environment: str, covered: int) -> OnlineSchema:
    """The schema that the details of a snapshot describe."""

    def columns(name: str) -> tuple[tuple[str, str], ...]:
        return tuple((column, kind) for column, kind in facts[name])

    def moment(name: str) -> datetime | None:
        value = facts.get(name)
        return None if value is None else from_micros(value)

    return OnlineSchema(
        keys=columns("keys"),
        features=columns("features"),
        columns=columns("columns"),
        ttl=facts["ttl"],
        timed=facts["timed"],
        created=facts["created"],
        windows=tuple(facts.get("windows", ())),
        every=facts.get("every"),
        version=version,
        environment=environment,
        filled_at=datetime.now(UTC),
        latest=moment("latest"),
        complete_from=moment("complete_from"),
        covered=covered,
    )


class Snapshots:
    """One snapshot, and maybe another that the store holds. Use it in a `with` block, as rows are read late."""

    def __init__(self, schema: OnlineSchema, times: tuple[str | None, str | None], new: Path, old: Path | None) -> None:
        self._schema = schema
        self._times = times
        self._new, self._old = parquet(new), None if old is None else parquet(old)
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Snapshots:
        self._connection = connect()
        if self._old is not None:
            self._compare(self._connection)
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    @property
    def _sql(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise RuntimeError("Snapshots is used outside of its with block")
        return self._connection

    @property
    def _keys(self) -> str:
        return ", ".join(quote(name) for name, _ in self._schema.keys) or "__one"

    def _rows_of(self, table: str) -> str:
        return f"(select *{'' if self._schema.keys else ', 1 as __one'} from {table})"

    def _compare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Find the keys whose rows are others, or gone.

        An entity with as many rows as before, none of which is new, has the same rows.
        """
        keys, new, old = self._keys, self._rows_of(self._new), self._rows_of(str(self._old))
        names = ", ".join(quote(name) for name, _ in describe(connection, new))
        # Only events may be there twice; to count them takes twice as long.
        twice = " all" if self._schema.windows else ""
        fresh = f"select {keys} from (select {names} from {new} except{twice} select {names} from {old})"
        sides = ("__new", new), ("__old", old)
        counts = [f"(select {keys}, count(*) as {side} from {rows} group by {keys})" for side, rows in sides]
        moved = (
            f"select {keys} from {counts[0]} full join {counts[1]} using ({keys}) where __new is distinct from __old"
        )
        connection.execute(f"create temp table changed as {fresh} union {moved}").fetchall()

    def rows(self) -> Iterator[Change]:
        """All rows of the entities that have changed; without a former snapshot, of all."""
        keys, names = [quote(name) for name, _ in self._schema.keys], self._keys
        event, created = (None if name is None else instant(name) for name in self._times)
        identity = IDENTITY if self._has_identity else "''::blob"
        picked = [*keys, event or "null", created or "null", *map(lowered, self._schema.columns), identity]
        some = "" if self._old is None else f" semi join changed using ({names})"
        order = ", ".join(filter(None, (*keys, event, created)))
        query = f"select {', '.join(picked)} from {self._rows_of(self._new)}{some}"
        result = self._sql.execute(query + (f" order by {order}" if order else ""))
        width = len(keys)
        while found := result.fetchmany(_AT_ONCE):
            for row in found:
                yield Change(row[:width], row[width], row[width + 1], row[width + 2 : -1], row[-1])

    @property
    def _has_identity(self) -> bool:
        return any(name == IDENTITY for name, _ in describe(self._sql, self._new))

    def pushes(self, push: Mapping[str, Any] | None, files: Mapping[int, Path]) -> Iterator[Change]:
        """The rows of pushes that came after the snapshot, by what its details say of its source."""
        for number, path in files.items() if push else ():
            yield from pushed_changes(self._sql, push or {}, parquet(path), number)

    def gone(self) -> list[tuple[Any, ...]]:
        """The keys of entities that have no rows any more."""
        if self._old is None:
            return []
        names, new = self._keys, self._rows_of(self._new)
        rows = self._sql.sql(f"select {names} from changed anti join {new} using ({names})").fetchall()
        return [row if self._schema.keys else () for row in rows]


def pushed_changes(
    connection: duckdb.DuckDBPyConnection, push: Mapping[str, Any], rows: str, number: int
) -> Iterator[Change]:
    """Rows of a source as changes of a view; `push` says how the view follows from its source."""
    width = push["keys"]
    for row in connection.sql(f"select {', '.join(push['select'])} from {rows}").fetchall():
        yield Change(row[:width], row[width], row[width + 1], row[width + 2 : -1], row[-1], number)
