"""Values as people read them: counts, durations, ages, sizes, aligned tables; and as JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_CELL_WIDTH = 40
_MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}


def duration(seconds: float) -> str:
    """A duration with two digits that tell something.

    >>> duration(0.412), duration(75)
    ('0.41 s', '1 min 15 s')
    """
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def age(created_at: str, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 time in UTC was.

    >>> age("2026-01-01T10:00:00+00:00", datetime(2026, 1, 1, 12, 30, tzinfo=UTC))
    '2 h'
    """
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(created_at)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def short(version: str) -> str:
    """A version as people write it: eight characters, and which of several with one fingerprint it is.

    >>> short("7ec5a356d81c0f2b.2")
    '7ec5a356.2'
    """
    mark, dot, number = version.partition(".")
    return f"{mark[:8]}{dot}{number}"


def moment(at: str) -> str:
    """An ISO 8601 time in UTC as local date and time."""
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(count: int) -> str:
    """A number of bytes.

    >>> size(1234)
    '1.2 kB'
    """
    if count < 1000:
        return f"{count} B"
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"


def blob(content: bytes) -> str:
    """What binary content is, without showing it.

    >>> blob(bytes([0x89]) + b"PNG" + bytes(1196))
    '<PNG 1.2 kB>'
    """
    kind = next((name for magic, name in _MAGIC.items() if content.startswith(magic)), "bytes")
    return f"<{kind} {size(len(content))}>"


def cell(value: Any) -> str:
    """A value on one short line: numbers to six digits, null empty."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return blob(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str(value).split())
    return text if len(text) <= _CELL_WIDTH else f"{text[: _CELL_WIDTH - 1]}…"


def table(
    headers: Sequence[str], rows: Iterable[Sequence[Any]], indent: str = "", *, thousands: bool = False
) -> list[str]:
    """Lines of aligned columns; columns of numbers to the right. `thousands` is for counts, not for identifiers.

    >>> table(["name", "rows"], [["a", 5], ["long", 12000]], thousands=True)
    ['name    rows', 'a          5', 'long  12,000']
    """
    values = [list(row) for row in rows]
    shown = [[f"{value:,}" if thousands and _is_count(value) else cell(value) for value in row] for row in values]
    numeric = [all(_is_number(row[n]) for row in values) and bool(values) for n in range(len(headers))]
    grid = [list(map(str, headers)), *shown]
    widths = [max(len(row[n]) for row in grid) for n in range(len(headers))]
    return [
        (indent + "  ".join(_pad(row[n], widths[n], numeric[n]) for n in range(len(headers)))).rstrip() for row in grid
    ]


def _pad(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return value is None or _is_count(value) or isinstance(value, float | Decimal)


def to_json(value: Any) -> Any:
    """A DuckDB value as what JSON can hold: times in ISO 8601, bytes in base64, NaN and infinity as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list | tuple):
        return [to_json(one) for one in value]
    if isinstance(value, dict):
        return {str(key): to_json(one) for key, one in value.items()}
    if isinstance(value, Decimal | UUID | timedelta):
        return str(value)
    return str(value)
