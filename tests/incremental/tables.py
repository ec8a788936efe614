"""Tables of a generated project: columns of values, and the CSV or Parquet files that hold them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

START = datetime(2024, 1, 1)
DAYS = 30
TEXTS = ("ada", "bo", "cy", "di")
TYPES = {
    "INTEGER": pl.Int32,
    "BIGINT": pl.Int64,
    "DOUBLE": pl.Float64,
    "VARCHAR": pl.String,
    "TIMESTAMP": pl.Datetime("us"),
}
# The first rows keep their times, labels and numbers, so that each split and each column's type stays what it is.
ANCHORS = 4


@dataclass(frozen=True)
class Column:
    """Values with a kind (key, id, time, int, double, text, label) and the type they have in Parquet."""

    kind: str
    type: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A source: `chunks` are the numbers of rows of its files, `order` seeds the order of rows in them."""

    name: str
    format: str
    columns: Mapping[str, Column]
    keys: tuple[str, ...]
    timestamp: str | None
    created: str | None
    chunks: tuple[int, ...]
    order: int = 0

    @property
    def rows(self) -> int:
        return sum(self.chunks)

    @property
    def kinds(self) -> dict[str, str]:
        return {name: column.kind for name, column in self.columns.items()}

    def with_columns(self, **columns: Column) -> Table:
        return replace(self, columns={**self.columns, **columns})

    def with_rows(self, added: Mapping[str, tuple[Any, ...]], *, new_file: bool = False) -> Table:
        """More rows, in the last file or in one of their own."""
        columns = {name: replace(one, values=one.values + added[name]) for name, one in self.columns.items()}
        count = len(next(iter(added.values())))
        chunks = (*self.chunks, count) if new_file else (*self.chunks[:-1], self.chunks[-1] + count)
        return replace(self, columns=columns, chunks=chunks)

    def files(self) -> dict[str, bytes]:
        """`{path below the data folder: content}`."""
        frame = pl.DataFrame(
            {name: pl.Series(name, one.values, dtype=TYPES[one.type]) for name, one in self.columns.items()}
        )
        if self.order:
            positions = list(range(self.rows))
            Random(self.order).shuffle(positions)
            frame = frame[positions]
        found, start = {}, 0
        for number, count in enumerate(self.chunks):
            found[f"{self.name}/{number}.{self.format}"] = _written(frame[start : start + count], self.format)
            start += count
        return found


def _written(frame: pl.DataFrame, kind: str) -> bytes:
    if kind == "csv":
        return frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode()
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` hold these files; one that is already so is not touched."""
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def draw_table(rng: Random, name: str, *, spine: bool = False) -> Table:
    """A table with an entity key `k` and some columns; the spine has identified rows, times and a label."""
    rows = rng.randint(14, 20) if spine else rng.randint(5, 12)
    identified = spine or rng.random() < 0.5
    timed = spine or rng.random() < 0.7
    kinds = {"k": "key"}
    kinds |= {f"{name}_id": "id"} if identified else {}
    late = timed and rng.random() < 0.3
    kinds |= {f"{name}_at": "time"} if timed else {}
    kinds |= {f"{name}_known": "time"} if late else {}
    kinds |= {f"{name}_a": "int", f"{name}_b": "double", f"{name}_c": "text"}
    kinds |= {f"{name}_{letter}": rng.choice(["int", "double", "text"]) for letter in "defg"[: rng.randint(0, 4)]}
    kinds |= {f"{name}_y": "label", f"{name}_z": "label"} if spine else {}
    columns = {column: draw_column(rng, kind, rows) for column, kind in kinds.items()}
    first = rng.randint(2, rows - 2)
    return Table(
        name,
        rng.choice(["csv", "parquet"]),
        columns,
        keys=(f"{name}_id",) if identified else (),
        timestamp=f"{name}_at" if timed else None,
        created=f"{name}_known" if late and not spine else None,
        chunks=(first, rows - first) if rng.random() < 0.4 else (rows,),
    )


def draw_column(rng: Random, kind: str, rows: int) -> Column:
    types = {"time": "TIMESTAMP", "double": "DOUBLE", "text": "VARCHAR"}
    return Column(kind, types.get(kind, "INTEGER"), tuple(draw_value(rng, kind, row) for row in range(rows)))


def draw_value(rng: Random, kind: str, row: int) -> Any:
    """A value for a row; doubles are quarters, whose sums are exact in any order."""
    if kind == "id":
        return row
    if kind == "label":
        return row % 2 if row < ANCHORS else rng.randint(0, 1)
    if kind == "key":
        return rng.randint(1, 4)
    if kind == "time":
        return START + timedelta(hours=row * DAYS * 8 if row < ANCHORS else rng.randint(0, DAYS * 8) * 3)
    if row >= ANCHORS and rng.random() < 0.1:
        return None
    number = rng.randint(-20, 20)
    return {"int": number, "double": number / 4 + 0.125 * (row == 0), "text": TEXTS[number % len(TEXTS)]}[kind]
