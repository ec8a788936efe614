"""Rows from a file, with the kinds of values that a cascade was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError, name_list

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_READERS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
_TYPES = {"text": "VARCHAR", "bytes": "VARCHAR", "boolean": "BOOLEAN", "number": "DOUBLE", "time": "TIMESTAMP"}
_NUMBERS = ("INT", "UINT", "BIGINT", "UBIGINT", "HUGEINT", "SMALLINT", "TINYINT", "FLOAT", "DOUBLE", "DECIMAL")


def read_rows(path: Path, kinds: Mapping[str, str]) -> pa.Table:
    """The rows of a file in their order.

    CSV and JSON do not say what a column holds; what is needed is read as the kind that the cascade knows, so a text
    that looks like a number or a date stays as it is written.
    """
    import duckdb

    from headrace.engine.session import connect

    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise HeadraceError(f"{path}: cannot tell the format. It should end with {name_list(_READERS)}.")
    if not path.is_file():
        raise HeadraceError(f"{path}: no such file. Nothing was predicted.")
    with connect() as connection:
        try:
            return connection.sql(f"select * from {_source(connection, reader, path, kinds)}").to_arrow_table()
        except duckdb.Error as error:
            problem = str(error).strip().split("\n\n")[0]
            raise HeadraceError(f"{path} cannot be read: {problem}\nNothing was predicted.") from error


def _source(connection: duckdb.DuckDBPyConnection, reader: str, path: Path, kinds: Mapping[str, str]) -> str:
    from headrace.engine.session import literal, parquet
    from headrace.store.digests import describe

    if reader == "parquet":
        return parquet(path)
    file = literal(str(path))
    options = "header = true, sample_size = -1" if reader == "csv" else "sample_size = -1"
    found = describe(connection, f"read_{reader}({file}, {options})")
    types = {name: _type(found_type, kinds.get(name)) for name, found_type in found}
    said = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    return f"read_{reader}({file}, {'header = true, types' if reader == 'csv' else 'columns'} = {{{said}}})"


def _type(found: str, kind: str | None) -> str:
    if kind is None or (kind == "number" and found.startswith(_NUMBERS)):
        return found
    return _TYPES.get(kind, found)


def load_images(rows: pa.Table, kinds: Mapping[str, str], path: Path) -> pa.Table:
    """The rows with the bytes of images in place of their paths, which are relative to the file at `path`."""
    import pyarrow as pa

    for name, kind in kinds.items():
        if kind != "bytes" or name not in rows.column_names:
            continue
        position = rows.column_names.index(name)
        if pa.types.is_string(rows.schema.field(position).type) or pa.types.is_string_view(
            rows.schema.field(position).type
        ):
            contents = _read(path.parent, name, rows.column(position).to_pylist())
            rows = rows.set_column(position, name, pa.array(contents, pa.binary()))
    return rows


def _read(folder: Path, column: str, paths: list[str | None]) -> list[bytes | None]:
    known: dict[str, bytes] = {}
    for row, path in enumerate(paths):
        if path is None or path in known:
            continue
        try:
            known[path] = (folder / path).read_bytes()
        except OSError as error:
            problem = f"row {row}, column {column!r}: the image {folder / path} cannot be read ({error.strerror})."
            raise HeadraceError(f"{problem} Paths are relative to the input file. Nothing was predicted.") from error
    return [None if path is None else known[path] for path in paths]
