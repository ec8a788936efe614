"""A look into a version's table: its first rows, its columns' ranges, its pictures. Reads a few rows, never all."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import dagster as dg
import polars as pl
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from headrace.orchestration.tables import cell, image_format, table

_ROWS = 10
_COLUMNS = 30
_WIDE = 60
_TURNED_ROWS = 4
_THUMBNAIL = 72
_PICTURES = 8


def first_rows(path: Path) -> pl.DataFrame:
    """The first rows of a table, not more than some thirty columns of them."""
    first = files_of(path)[0]
    names = list(pl.read_parquet_schema(first))[:_COLUMNS]
    return pl.read_parquet(files_of(path), columns=names, n_rows=_ROWS)


def files_of(path: Path) -> list[Path]:
    """The file of a table, or those of its partitions in order."""
    return sorted(path.iterdir()) if path.is_dir() else [path]


def preview(frame: pl.DataFrame) -> dg.MetadataValue | None:
    """The rows as a table; bytes as what they are and their size, long text cut.

    The page of an asset shows some sixty letters beside each other, so a wider table is turned: a line a column.
    """
    rows = list(frame.iter_rows(named=True))
    if sum(max(len(name), 8) for name in frame.columns) <= _WIDE:
        return table(rows)
    shown = rows[:_TURNED_ROWS]
    return table(
        {"column": name, **{f"row {number}": row[name] for number, row in enumerate(shown, 1)}}
        for name in (frame.columns if shown else ())
    )


def column_ranges(path: Path) -> dict[str, dict[str, str]]:
    """`{column: {"nulls": ..., "least": ..., "greatest": ...}}` from the file's own statistics; no row is read."""
    files = [pq.ParquetFile(one).metadata for one in files_of(path)]
    groups = [one.row_group(group) for one in files for group in range(one.num_row_groups)]
    found: dict[str, dict[str, str]] = {}
    for number in range(files[0].num_columns):
        name = files[0].schema.column(number).path
        parts = [group.column(number).statistics for group in groups]
        known = [part for part in parts if part is not None and part.has_null_count]
        if len(known) < len(parts) or not parts:
            continue
        ranges = [part for part in parts if part.has_min_max]
        found[name] = {
            "nulls": str(sum(part.null_count for part in known)),
            "least": _edge(min((part.min for part in ranges), default=None)),
            "greatest": _edge(max((part.max for part in ranges), default=None)),
        }
    return found


def _edge(value: object) -> str:
    return "" if value is None or isinstance(value, bytes) else cell(value)


def pictures(frame: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """For each column of images a strip of thumbnails, as Markdown with the picture in it (some 10 kB)."""
    strips: dict[str, dg.MetadataValue] = {}
    for name, kind in frame.schema.items():
        if kind == pl.Binary:
            thumbnails = list(_thumbnails(frame[name].drop_nulls().head(_PICTURES)))
            if thumbnails:
                strips[f"pictures of {name}"] = dg.MetadataValue.md(picture(_strip(thumbnails), name, "jpeg"))
    return strips


def picture(content: bytes, name: str, kind: str) -> str:
    """Markdown that holds a picture."""
    return f"![{name}](data:image/{kind};base64,{base64.b64encode(content).decode()})"


def _thumbnails(contents: pl.Series) -> Iterator[Image.Image]:
    for content in contents:
        if image_format(content) is None:
            continue
        try:
            with Image.open(BytesIO(content)) as image:
                image.thumbnail((_THUMBNAIL, _THUMBNAIL))
                yield image.convert("RGB")
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            continue  # a preview leaves out what cannot be drawn; sources refuse such images before they are stored


def _strip(images: list[Image.Image]) -> bytes:
    side = _THUMBNAIL + 4
    strip = Image.new("RGB", (side * len(images), _THUMBNAIL), "white")
    for number, image in enumerate(images):
        strip.paste(image, (number * side, (_THUMBNAIL - image.height) // 2))
    file = BytesIO()
    strip.save(file, "JPEG", quality=80)
    return file.getvalue()
