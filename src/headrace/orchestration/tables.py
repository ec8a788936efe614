"""Values as people read them, and tables of them, as Dagster metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import dagster as dg

_LONGEST = 60
_MAGIC = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"RIFF": "WEBP", b"BM": "BMP"}


def table(rows: Iterable[Mapping[str, object]], most: int = 100, longest: int = _LONGEST) -> dg.MetadataValue | None:
    """Rows with the same names as a table of texts; None without rows. After `most` rows one says how many more.

    Args:
        longest: the characters of a text that are shown.
    """
    found = [{name: cell(value, longest) for name, value in row.items()} for row in rows]
    if not found:
        return None
    shown = found[:most]
    if len(found) > most:
        first, *others = found[0]
        shown.append({first: f"... {len(found) - most} more", **dict.fromkeys(others, "")})
    return dg.MetadataValue.table(
        records=[dg.TableRecord(row) for row in shown],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in found[0]]),
    )


def cell(value: object, longest: int = _LONGEST) -> str:
    """One value in few characters.

    >>> cell(0.12345678), cell(None), cell(b"abc"), cell("x" * 100)[-3:]
    ('0.123457', 'null', '<bytes 3 B>', 'xx…')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return f"<{image_format(value) or 'bytes'} {size(len(value))}>"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="auto")
    text = value.isoformat() if isinstance(value, date) else str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def image_format(content: bytes) -> str | None:
    """What kind of image these bytes begin like, or None."""
    return next((name for start, name in _MAGIC.items() if content.startswith(start)), None)


def size(count: int) -> str:
    """A number of bytes for people.

    >>> size(1234), size(5_000_000)
    ('1.2 kB', '5.0 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that are not None."""
    return {name: value for name, value in values.items() if value is not None}
