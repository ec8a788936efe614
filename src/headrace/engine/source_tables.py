"""Tables of other databases, attached read-only: what a source with `database=` reads, and a digest of its rows."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from headrace.declarations.source import Source
from headrace.engine.session import connect, literal
from headrace.errors import SourceError
from headrace.store.atomic import write_atomically
from headrace.store.digests import quote, table_digest

ALIAS = "attached"
# What an engine keeps beside its file until it is written into it.
_LOGS = {"duckdb": (".wal",), "sqlite": ("-wal", "-journal")}
# A file written within this time of being read may change again without a new time stamp.
_RACY_SECONDS = 2.0


@contextmanager
def attached_rows(source: Source, data_folder: Path, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The source's table or query as something to select from, within this block.

    Raises SourceError for a database that is absent, locked, of an engine that is not installed, or no database.
    """
    _attach(source, data_folder, connection)
    before = connection.sql("select current_catalog()").fetchall()[0][0]
    try:
        connection.execute(f"use {ALIAS}").fetchall()  # names in a query, and `main.orders`, mean the database's
        yield f"({source.query})" if source.query else _table(source)
    finally:
        connection.execute(f"use {quote(before)}").fetchall()
        connection.execute(f"detach {ALIAS}").fetchall()


def table_parts(source: Source, data_folder: Path, memory: Path | None = None) -> dict[str, str]:
    """`{"rows of main.orders": digest}`: the rows, not the file, are what a source of a database is made from.

    Args:
        memory: a file that remembers digests, so that a database whose file was not written to is not read again.
    """
    name = f"rows of {source.table or 'the query'}"
    known = _remembered(memory)
    place = json.dumps([str(database_path(source, data_folder)), source.table, source.query])
    stamp = _stamp(source, data_folder)
    if stamp and known.get(place, [None])[:-1] == stamp:
        return {name: str(known[place][-1])}
    with connect() as connection, attached_rows(source, data_folder, connection) as rows:
        digest = _digest(source, connection, rows)
    newest = max((one[1] for one in stamp), default=0)
    if memory is not None and stamp and time.time() - newest / 1e9 > _RACY_SECONDS:
        _remember(memory, {**known, place: [*stamp, digest]})
    return {name: digest}


def database_path(source: Source, data_folder: Path) -> Path | None:
    """The file of the source's database; None for one behind a server."""
    return data_folder / str(source.database) if source.database_type in _LOGS else None


def table_error(source: Source, error: duckdb.Error) -> SourceError:
    """What DuckDB says of a table or query that cannot be read, in one line."""
    problem = str(error).strip().split("\n\n")[0].replace("\n", " ").rstrip(".")
    mend = f"{'query' if source.query else 'table'}= of {source.where}, or the database"
    fix = f"Mend {mend if source.database else 'what it returns'}. Nothing was published."
    return SourceError(source.name, source.origin, f"cannot be read: {problem}.", fix)


def _table(source: Source) -> str:
    """`main.orders` with each part quoted."""
    return ".".join(map(quote, str(source.table).split(".")))


def _digest(source: Source, connection: duckdb.DuckDBPyConnection, rows: str) -> str:
    try:
        return table_digest(connection, rows)
    except duckdb.Error as error:
        raise table_error(source, error) from error


def _attach(source: Source, data_folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = database_path(source, data_folder)
    if path is not None and not path.is_file():
        fix = f"Put the database there, or mend database= of {source.where}."
        raise SourceError(source.name, path, "no such file.", fix)
    kind = "" if source.database_type == "duckdb" else f"type {source.database_type}, "
    try:
        connection.execute(f"attach {literal(str(path or source.database))} as {ALIAS} ({kind}read_only)").fetchall()
    except duckdb.Error as error:
        raise _refusal(source, str(path or source.database), str(error)) from error


def _refusal(source: Source, place: str, text: str) -> SourceError:
    extension = re.search(r'"?(\w+)"? is an existing extension', text)
    if extension:
        fix = f"Install it once, where there is a network: duckdb -c 'install {extension[1]}'. Nothing was published."
        return SourceError(source.name, place, f"needs DuckDB's extension {extension[1]}, which is absent.", fix)
    holder = re.search(r"lock is held in (.+?\(PID \d+\))", text)
    if holder or "Could not set lock" in text:
        problem = f"is locked: {holder[1] if holder else 'another process'} has it open for writing."
        fix = "Close it there and try again, or have that process export the table as Parquet. Nothing was published."
        return SourceError(source.name, place, problem, fix)
    return SourceError(source.name, place, f"cannot be attached: {text.splitlines()[0]}", "Nothing was published.")


def _stamp(source: Source, data_folder: Path) -> list[list[Any]]:
    """Size, times and inode of the database's files; empty where there is no file to look at."""
    path = database_path(source, data_folder)
    if path is None:
        return []
    found = []
    for file in (path, *(path.with_name(path.name + suffix) for suffix in _LOGS[str(source.database_type)])):
        try:
            status = file.stat()
        except OSError:
            continue
        found.append([status.st_size, max(status.st_mtime_ns, status.st_ctime_ns), status.st_ino, file.name])
    return found


def _remembered(memory: Path | None) -> dict[str, list[Any]]:
    try:
        return {} if memory is None else dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}  # the memory only saves time


def _remember(memory: Path, known: dict[str, list[Any]]) -> None:
    try:
        write_atomically(memory, json.dumps(known))
    except OSError:
        return  # whoever cannot write here reads the table again next time
