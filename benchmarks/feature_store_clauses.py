"""Clauses of point-in-time correctness, each asked of Headrace and of Feast's two stores by a few rows of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.feature_store_sides import feast, ours
from benchmarks.feature_store_worker import Worker
from benchmarks.measure import OURS

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
BIG = 2**53 + 1
VIEWS = {"one": ["f", "g"]}
RIGHT = "right"
# What a view holds of one key: its moment, when it was created, and the features f and g.
Row = tuple[datetime, datetime | None, int | None, int]
Values = tuple[int | None, int | None]
NONE: Values = (None, None)


@dataclass(frozen=True)
class Clause:
    """Asking rows, and what may be answered.

    Args:
        rows: feature rows of the key that asks.
        answers: what each asking row may get; as many rows ask.
        key: None asks with a null.
        shift: hours by which the asking rows' time zone is off UTC.
    """

    name: str
    rows: Sequence[Row]
    answers: Sequence[Sequence[Values]]
    key: int | None = 0
    shift: int = 0
    naive: bool = False


def _row(back: timedelta, f: int | None, created: datetime | None = T - 40 * DAY, g: int = 7) -> Row:
    return (T - back, created, f, g)


_LATE = (_row(DAY, 1, T + HOUR), _row(2 * DAY, 2))
CLAUSES = (
    Clause("a row of the same moment is seen", [_row(0 * DAY, 1)], [[(1, 7)]]),
    Clause("a microsecond ahead is not, and the training row stays", [_row(-TICK, 1)], [[NONE]]),
    Clause("at the TTL's edge it is seen", [_row(30 * DAY, 1)], [[(1, 7)]]),
    Clause("a microsecond older is not, and the training row stays", [_row(30 * DAY + TICK, 1)], [[NONE]]),
    Clause("an unknown key keeps its training row", [], [[NONE]]),
    Clause("of equal moments the last created wins", [_row(DAY, 1, T - DAY), _row(DAY, 2, T - HOUR)], [[(2, 7)]]),
    Clause("a null `created` loses", [_row(DAY, 1, None), _row(DAY, 2, T - DAY)], [[(2, 7)]]),
    Clause("an older row created late does not win", [_row(2 * DAY, 1, T - HOUR), _row(DAY, 2, T - DAY)], [[(2, 7)]]),
    Clause("what was created after the training row is hidden, the row before it seen", _LATE, [[(2, 7)]]),
    Clause("created later, and nothing before: the training row stays", _LATE[:1], [[NONE]]),
    Clause("duplicates in the source give one row", [_row(DAY, 1)] * 3, [[(1, 7)]]),
    Clause("duplicates among the training rows stay", [_row(DAY, 1)], [[(1, 7)], [(1, 7)]]),
    Clause("of an unresolvable tie, one row", [_row(DAY, 1, g=2), _row(DAY, 3, g=4)], [[(1, 2), (3, 4)]]),
    Clause("a null is a value", [_row(DAY, None), _row(2 * DAY, 2)], [[(None, 7)]]),
    Clause("a null key matches nothing and keeps its training row", [_row(DAY, 1)], [[NONE]], key=None),
    Clause("64-bit integers stay exact beside nulls", [_row(DAY, BIG)], [[(BIG, 7)]]),
    Clause("asking rows in another time zone", [_row(0 * DAY, 1)], [[(1, 7)]], shift=5),
    Clause("asking rows without a time zone are UTC", [_row(0 * DAY, 1)], [[(1, 7)]], naive=True),
    Clause("no training rows give none", [_row(DAY, 1)], []),
)


def table(folder: Path, name: str) -> Iterator[str]:
    """What each gives for each clause, as Markdown.

    Args:
        name: what Feast is called; "" without it.
    """
    data = folder / "data"
    data.mkdir(parents=True)
    _feature_rows().write_parquet(data / "one.parquet")
    with ExitStack() as stack:
        sides = {OURS: ours(folder / "ours", data, VIEWS, created="created")}
        sides[OURS].ask("build")
        for store, title in (("duckdb", "DuckDB store"), ("dask", "dask store")) if name else ():
            sides[f"{name}, {title}"] = feast(folder / store, data, VIEWS, store, created="created", kind="Int64")
        for side in sides.values():
            stack.enter_context(side)
        yield f"| | {' | '.join(sides)} |"
        yield f"|---|{'---|' * len(sides)}"
        for number, clause in enumerate(CLAUSES):
            spine = folder / f"spine_{number}.parquet"
            _asking_rows(number, clause).write_parquet(spine)
            cells = [_given(clause, side, spine, folder / "out.parquet") for side in sides.values()]
            yield f"| {clause.name} | {' | '.join(cells)} |"


def wrong(lines: Sequence[str]) -> dict[str, list[str]]:
    """By contestant, the clauses of a table that it does not keep."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = rows[0][1:]
    return {name: [row[0] for row in rows[2:] if row[1 + number] != RIGHT] for number, name in enumerate(names)}


def _feature_rows() -> pl.DataFrame:
    """Of all clauses, each under a key of its own: its number."""
    rows = [(number, *row) for number, clause in enumerate(CLAUSES) for row in clause.rows]
    times = pl.Datetime("us", "UTC")
    schema = {"key": pl.Int64, "at": times, "created": times, "f": pl.Int64, "g": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def _asking_rows(number: int, clause: Clause) -> pl.DataFrame:
    count = len(clause.answers)
    key = number if clause.key is not None else None
    frame = pl.DataFrame(
        {"row": list(range(count)), "key": [key] * count, "event_timestamp": [T] * count},
        {"row": pl.Int64, "key": pl.Int64, "event_timestamp": pl.Datetime("us", "UTC")},
    )
    moment = pl.col("event_timestamp")
    if clause.shift:
        frame = frame.with_columns(moment.dt.convert_time_zone(f"Etc/GMT-{clause.shift}"))
    return frame.with_columns(moment.dt.replace_time_zone(None)) if clause.naive else frame


def _given(clause: Clause, side: Worker, spine: Path, out: Path) -> str:
    """`right`, or what it gives instead."""
    out.unlink(missing_ok=True)
    try:
        side.ask("load", path=str(spine))
        side.ask("historical", spine=str(spine), out=str(out), cutoff=True)
    except RuntimeError as error:
        return f"fails: {_reason(str(error))}"
    found = pl.read_parquet(out)
    if found.height != len(clause.answers):
        return f"{found.height} rows for {len(clause.answers)}"
    if missing := {"f", "g"} - set(found.columns):
        return f"no column {', '.join(sorted(missing))}"
    rows = [tuple(_plain(value) for value in row) for row in found.select("f", "g").rows()]
    good = all(row in allowed for row, allowed in zip(rows, clause.answers, strict=True))
    return RIGHT if good else f"gives {', '.join(map(str, rows))}"


def _plain(value: Any) -> Any:
    """What pandas can only say as NaN is null, and a whole number what it is."""
    if isinstance(value, float):
        return None if value != value else int(value)  # only NaN differs from itself
    return value


def _reason(text: str) -> str:
    """The last line of a traceback, short enough for a table."""
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "\t"))]
    told = next((line for line in lines if "Error" in line and "failed:" not in line), lines[0])
    return told.replace("|", "/")[:100]
