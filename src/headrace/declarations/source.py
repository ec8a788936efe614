"""Source: raw files with a schema, the only place where data enters a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from headrace.declarations.base import Declaration, names, require_known
from headrace.declarations.schema import describe_schema, resolve_schema, schema_columns
from headrace.errors import DeclarationError, UnknownName

FORMATS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json"}


@dataclass(frozen=True, kw_only=True)
class Source(Declaration):
    """Rows read from files and checked against a schema before anything downstream sees them.

    Args:
        path: a file or glob, relative to the project's data folder or absolute.
        keys: the columns that identify a row; a repeated key fails the build. Empty: rows need no identity.
        timestamp: when a row happened (event time).
        created: when a row became known, if later than it happened.
        schema: a pandera.polars `DataFrameModel` or `DataFrameSchema`; it also decides the types of CSV columns.
        format: `csv`, `parquet` or `json`; by default from the file name.
        images: text columns that hold image paths, relative to their data file; they become the images' bytes.
        null_values: texts that mean null in CSV.
        allow_empty: whether no rows at all are fine; by default they fail the build.

    >>> Source("orders", path="orders.xyz")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Source('orders'): cannot tell the format of 'orders.xyz'. ...
    """

    path: str
    keys: Sequence[str] = ()
    timestamp: str | None = None
    created: str | None = None
    schema: Any = field(default=None, compare=False)
    format: str | None = None
    images: Sequence[str] = ()
    null_values: Sequence[str] = ("",)
    allow_empty: bool = False
    rules: Any = field(init=False, default=None, repr=False, hash=False)

    kind = "sources"
    noun = "Source"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(path=str(self.path), keys=names(self.where, "keys", self.keys))
        self._set(images=names(self.where, "images", self.images), null_values=tuple(self.null_values))
        self._set(format=self._resolve_format(), schema=resolve_schema(self.where, self.schema))
        self._set(rules=describe_schema(self.schema))
        mentioned = [*self.keys, *self.images, *filter(None, (self.timestamp, self.created))]
        require_known(self.where, "column", mentioned, self.columns())

    def _resolve_format(self) -> str:
        if self.format is not None:
            if self.format not in FORMATS.values():
                raise UnknownName(self.where, "format", self.format, set(FORMATS.values()))
            return self.format
        found = FORMATS.get(PurePath(self.path).suffix.lower())
        if found is None:
            fix = 'Say format="csv", "parquet" or "json".'
            raise DeclarationError(self.where, f"cannot tell the format of {self.path!r}.", fix=fix)
        return found

    def columns(self) -> tuple[str, ...] | None:
        return None if self.schema is None else schema_columns(self.schema)

    def data(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "keys": list(self.keys),
            "timestamp": self.timestamp,
            "created": self.created,
            "schema": self.rules,
            "format": self.format,
            "images": list(self.images),
            "null_values": list(self.null_values),
            "allow_empty": self.allow_empty,
        }
