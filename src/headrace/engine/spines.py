"""Spines: asking rows of any origin, read in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from headrace.declarations.base import Declaration, table_name
from headrace.engine.session import literal
from headrace.errors import DeclarationError

_READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
WHERE = "historical"


def spine_batches(connection: duckdb.DuckDBPyConnection, spine: Any, size: int) -> Iterator[pa.Table]:
    """The rows of a spine in their order, at most `size` at a time; at least one batch, empty where there are none.

    Args:
        connection: where assets' tables are views; it is free for other questions between batches.
        spine: a declaration, a polars or Arrow table, a DuckDB relation, SQL, or the path of a file.
    """
    reader = _reader(connection, spine, size)
    empty = True
    for batch in reader:
        if batch.num_rows:
            empty = False
            yield pa.Table.from_batches([batch])
    if empty:
        yield reader.schema.empty_table()


def spine_columns(spine: Any) -> list[str] | None:
    """The columns of a spine, where they are known without reading it."""
    if hasattr(spine, "collect_schema"):
        return list(spine.collect_schema().names())
    if isinstance(spine, Mapping):
        return list(spine)
    found = getattr(spine, "column_names", None) or getattr(spine, "columns", None)
    return None if found is None else [str(name) for name in found]


def _reader(connection: duckdb.DuckDBPyConnection, spine: Any, size: int) -> pa.RecordBatchReader:
    if isinstance(spine, Declaration):
        return _rows(connection, f"from {table_name(spine.key)}", size)
    if isinstance(spine, duckdb.DuckDBPyRelation):
        return spine.to_arrow_reader(size)
    if isinstance(spine, Path | str):
        return _rows(connection, _query(spine), size)
    table = _as_arrow(spine)
    if table is not None:
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=size))
    fix = "Give a declaration, a polars or Arrow table, a DuckDB relation, SQL, or the path of a file."
    raise DeclarationError(WHERE, f"the spine is a {type(spine).__name__}.", fix=fix)


def _rows(connection: duckdb.DuckDBPyConnection, query: str, size: int) -> pa.RecordBatchReader:
    """A stream on a cursor of its own: a connection with a half-read result takes no other question."""
    try:
        return connection.cursor().sql(query).to_arrow_reader(size)
    except duckdb.Error as error:
        raise DeclarationError(WHERE, f"the spine cannot be read: {error}", fix="Mend its SQL or its file.") from error


def _query(spine: Path | str) -> str:
    """A file by its suffix; any other text is SQL."""
    path = Path(spine)
    kind = _READERS.get(path.suffix.lower()) if isinstance(spine, Path) or len(str(spine).split()) == 1 else None
    if kind is not None:
        return f"from {kind}({literal(str(path))})"
    if isinstance(spine, Path):
        known = ", ".join(sorted(_READERS))
        raise DeclarationError(WHERE, f"cannot read {spine} as a spine.", fix=f"Give a file of {known}.")
    return spine.strip().rstrip(";")


def _as_arrow(spine: Any) -> pa.Table | None:
    """A polars frame, lazy ones collected; an Arrow table; anything that hands out Arrow streams, such as pandas."""
    if hasattr(spine, "collect") and hasattr(spine, "lazy"):
        spine = spine.collect()
    if isinstance(spine, pa.Table):
        return spine
    if isinstance(spine, Mapping):
        return pa.table(dict(spine))
    if hasattr(spine, "to_arrow"):
        return _plain(spine.to_arrow())
    return pa.table(spine) if hasattr(spine, "__arrow_c_stream__") else None


def _plain(table: pa.Table) -> pa.Table:
    """Categories as the text that they are."""
    kinds = [pa.string() if pa.types.is_dictionary(one.type) else one.type for one in table.schema]
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
