"""Source: raw files or a table of a database, with a schema: the only place where data enters a project."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from headrace.declarations.base import Declaration, names, require_known
from headrace.declarations.duration import parse_duration
from headrace.declarations.partitions import Partitions, path_format, resolve_partitions
from headrace.declarations.schema import describe_schema, resolve_schema, schema_columns
from headrace.declarations.selection import ColumnSelection
from headrace.errors import DeclarationError, UnknownName

FORMATS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
DATABASES = {".sqlite": "sqlite", ".sqlite3": "sqlite"}
DATABASE_TYPES = ("duckdb", "mysql", "postgres", "sqlite")
_TABLE = re.compile(r"\w+(\.\w+){0,2}")
_PLACES = 'Give path="orders.csv", or database="shop.duckdb" and table="main.orders".'
_PASSWORD = re.compile(r"password\s*=|://[^/\s]*:[^/\s]*@", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Source(Declaration):
    """Rows read from files or from a database, checked against a schema before anything downstream sees them.

    Args:
        path: a file or glob, relative to the project's data folder or absolute.
        database: instead of a path, a database that DuckDB attaches read-only: a file, relative to the data folder or
            absolute, or what reaches a server (without the password, which would be stored: use PGPASSWORD or such).
        table, query: what is read of the database, a table such as `main.orders` or a `select`; one of them.
        database_type: `duckdb`, `sqlite`, `postgres` or `mysql`; by default from the file name, else `duckdb`.
        keys: the columns that identify a row; a repeated key fails the build. Empty: rows need no identity.
        timestamp: when a row happened (event time).
        created: when a row became known, if later than it happened.
        schema: a pandera.polars `DataFrameModel` or `DataFrameSchema`; it also decides the types of CSV columns.
        format: `csv`, `parquet` or `json`; by default from the file name; of a database, its type.
        images: text columns that hold image paths, relative to their data file; they become the images' bytes.
        null_values: texts that mean null in CSV.
        allow_empty: whether no rows at all are fine; by default they fail the build.
        partitions: hr.Hourly, hr.Daily, hr.Monthly or hr.ByKey; then only what a new or changed file holds is read.
            With `{partition}` in the path, as in `orders/{partition}.csv` or `{partition:%Y/%m}/*.csv`, each file
            belongs to one; without it, rows are told apart by their column.
        push: whether rows may be pushed to it, beside its files: see docs/online.md. Of rows with equal keys the one
            with the greatest (timestamp, created) then counts, when one of them was pushed.
        function, changed, every: instead of a path, a function that gives the rows; see hr.source.
        sensitive: columns that are followed through lineage and not shown or served, see docs/governance.md.

    >>> Source("orders", path="orders.xyz")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Source('orders'): cannot tell the format of 'orders.xyz'. ...
    """

    path: str = ""
    keys: Sequence[str] = ()
    timestamp: str | None = None
    created: str | None = None
    schema: Any = field(default=None, compare=False)
    format: str | None = None
    images: Sequence[str] = ()
    null_values: Sequence[str] = ("",)
    allow_empty: bool = False
    database: str | None = None
    table: str | None = None
    query: str | None = None
    database_type: str | None = None
    partitions: Partitions | None = None
    push: bool = False
    function: Callable[[], Any] | None = field(default=None, compare=False)
    changed: Callable[[], Any] | None = field(default=None, compare=False)
    every: str | None = None
    sensitive: Sequence[str] = field(default=(), compare=False)
    rules: Any = field(init=False, default=None, repr=False, hash=False)

    kind = "sources"
    noun = "Source"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(path=str(self.path), keys=names(self.where, "keys", self.keys))
        self._set(images=names(self.where, "images", self.images), null_values=tuple(self.null_values))
        self._set(sensitive=names(self.where, "sensitive", self.sensitive))
        self._check_place()
        self._set(format=self._resolve_format(), schema=resolve_schema(self.where, self.schema))
        self._set(rules=describe_schema(self.schema))
        self._check_partitions()
        self._check_push()
        parted = self.partitions.column if self.partitions else None
        mentioned = [*self.keys, *self.images, *self.sensitive, *filter(None, (self.timestamp, self.created, parted))]
        require_known(self.where, "column", mentioned, self.columns())

    def _check_partitions(self) -> None:
        self._set(partitions=resolve_partitions(self.where, self.partitions, self.timestamp))
        path_format(self.where, self.path, self.partitions)
        if self.partitions is None:
            return
        if not self.path:
            fix = "Leave them out, or export the rows as files."
            raise DeclarationError(self.where, "has partitions, which only files have.", fix=fix)
        if self.images:
            fix = "Put the images into a source of their own, without partitions."
            raise DeclarationError(self.where, "has partitions and images.", fix=fix)

    def _check_push(self) -> None:
        if not self.push:
            return
        if self.timestamp is None:
            fix = "Say timestamp=: which of two rows is newer is told by it."
            raise DeclarationError(self.where, "takes pushes but has no timestamp.", fix=fix)
        given = {"no files": not self.path, "partitions": self.partitions, "images": self.images}
        for what in (name for name, value in given.items() if value):
            fix = "Push to a source of files without partitions or images."
            raise DeclarationError(self.where, f"takes pushes but has {what}.", fix=fix)

    def _check_place(self) -> None:
        """Its rows are either in files or in a database, or a function gives them."""
        if self.function is not None and not self.path and self.database is None:
            self._refuse_file_options("a function")
            if self.every is not None and not parse_duration(self.every, self.where):
                raise DeclarationError(self.where, f"every={self.every!r} is no time at all.", fix='Give "1h", say.')
            return
        if self.function is not None or bool(self.path) == (self.database is not None):
            raise DeclarationError(self.where, "needs either a path or a database.", fix=_PLACES)
        for name in (name for name in ("changed", "every") if getattr(self, name) is not None):
            raise DeclarationError(self.where, f"has {name}= but no function.", fix="Files are compared by content.")
        given = [name for name in ("table", "query", "database_type") if getattr(self, name) is not None]
        if self.database is not None:
            self._read_database()
        elif given:
            raise DeclarationError(self.where, f"has {given[0]}= but no database.", fix=_PLACES)

    def _read_database(self) -> None:
        self._set(database=str(self.database))
        if _PASSWORD.search(str(self.database)):
            fix = "It would be stored with every version. Let the client find it, as in PGPASSWORD or ~/.pgpass."
            raise DeclarationError(self.where, "has a password in database=.", fix=fix)
        if (self.table is None) == (self.query is None):
            raise DeclarationError(self.where, "needs either a table or a query.", fix=_PLACES)
        if self.table is not None and not _TABLE.fullmatch(self.table):
            raise DeclarationError(
                self.where, f"table {self.table!r} is no name.", fix='Write "main.orders", or query=.'
            )
        self._set(query=inspect.cleandoc(self.query).rstrip("; \n") if self.query is not None else None)
        self._refuse_file_options("a database")

    def _refuse_file_options(self, place: str) -> None:
        given = {
            "format": self.format not in (None, self.database_type),
            "images": self.images,
            "null_values": self.null_values != ("",),
        }
        for name in (name for name, value in given.items() if value):
            raise DeclarationError(self.where, f"{name}= is for files, not for {place}.", fix="Leave it out.")

    def _resolve_database_type(self, database: str) -> str:
        if self.database_type is None:
            if database.startswith(("postgres:", "postgresql:")):
                return "postgres"
            return DATABASES.get(PurePath(database).suffix.lower(), "duckdb")
        if self.database_type not in DATABASE_TYPES:
            raise UnknownName(self.where, "database type", self.database_type, DATABASE_TYPES)
        return self.database_type

    def _resolve_format(self) -> str:
        if self.database is not None:
            self._set(database_type=self._resolve_database_type(self.database))
            return str(self.database_type)
        if self.function is not None:
            return "function"
        if self.format is not None:
            if self.format not in FORMATS.values():
                raise UnknownName(self.where, "format", self.format, set(FORMATS.values()))
            return self.format
        found = FORMATS.get(PurePath(self.path).suffix.lower())
        if found is None:
            fix = 'Say format="csv", "parquet" or "json".'
            raise DeclarationError(self.where, f"cannot tell the format of {self.path!r}.", fix=fix)
        return found

    @property
    def origin(self) -> str:
        """Where its rows come from, for people: the path, or the database with its table."""
        if self.function is not None:
            return f"{self.function.__name__}()"
        return self.path if self.database is None else f"{self.database} ({self.table or 'query'})"

    def columns(self) -> tuple[str, ...] | None:
        return None if self.schema is None else schema_columns(self.schema)

    def __getitem__(self, chosen: str | tuple[str, ...]) -> ColumnSelection:
        """Some of its columns, as what a function over frames reads: `orders["order_id", "amount"]`."""
        return ColumnSelection(self, names(self.where, "columns", chosen))

    def data(self) -> dict[str, Any]:
        if self.database is not None:
            return {**self._place(), **self._rows()}
        if self.function is not None:
            return {"every": self.every, **self._rows()}
        return {
            "path": self.path,
            **self._rows(),
            "format": self.format,
            "images": list(self.images),
            "null_values": list(self.null_values),
            **({"partitions": self.partitions.data()} if self.partitions else {}),
            **({"push": True} if self.push else {}),
        }

    def _place(self) -> dict[str, Any]:
        read = {"table": self.table} if self.table is not None else {"query": self.query}
        return {"database": self.database, "database_type": self.database_type, **read}

    def _rows(self) -> dict[str, Any]:
        return {
            "keys": list(self.keys),
            "timestamp": self.timestamp,
            "created": self.created,
            "schema": self.rules,
            "allow_empty": self.allow_empty,
        }
