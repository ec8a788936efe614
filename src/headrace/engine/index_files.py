"""Columns as files: Arrow IPC, one column a file, mapped into memory without being read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from headrace.errors import CorruptObject


def save_column(path: Path, column: pa.ChunkedArray) -> None:
    """Write a column in one piece, so that it is mapped back as one array; texts beyond two gigabytes in several."""
    table = pa.table({"value": column}).combine_chunks()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def load_column(path: Path) -> pa.ChunkedArray:
    """The column at `path`, without copying it; raises CorruptObject where it cannot be read."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise CorruptObject(f"{path} cannot be read as a column: {error}.") from error
    return table.column("value")
