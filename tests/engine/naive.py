"""The oracle: point-in-time joins and windows as plain loops over dicts, written for reading only.

Rows are dicts with `key`, `at`, `created` (optional) and values; times are datetimes in UTC or None.
"""

import statistics
from datetime import datetime

LONG_AGO = datetime(1, 1, 1)
EPOCH = datetime(1970, 1, 1)


def nulls_least(value):
    return (value is not None, value if value is not None else 0)


def visible(row, moment, known_only):
    if row["at"] is None or moment is None or row["at"] > moment:
        return False
    created = row.get("created")
    return not (known_only and created is not None and created > moment)


def step(moment, every):
    """The last step at or before a moment; steps count from 1970."""
    return moment if moment is None or every is None else moment - (moment - EPOCH) % every


def as_of(spine, view, features, *, ttl=None, known_only=True, every=None):
    """For each spine row: the features of its one feature row, or Nones."""
    result = []
    for asked in spine:
        best = None
        moment = step(asked["at"], every)
        for row in view:
            if asked["key"] is None or row["key"] != asked["key"] or not visible(row, moment, known_only):
                continue
            if best is None or _rank(row, features) > _rank(best, features):
                best = row
        if best is not None and ttl and best["at"] < asked["at"] - ttl:
            best = None
        result.append(tuple(best[name] if best else None for name in features))
    return result


def _rank(row, features):
    return (row["at"], row.get("created") or LONG_AGO, *(nulls_least(row[name]) for name in features))


def window(
    spine,
    events,
    function,
    column,
    length,
    *,
    parameter=None,
    ttl=None,
    known_only=True,
    every=None,
    where=lambda e: True,
):
    """For each spine row: `function` of `column` over its window."""
    result = []
    for asked in spine:
        inside = []
        moment = step(asked["at"], every)
        for event in events:
            if asked["key"] is None or event["key"] != asked["key"] or not visible(event, moment, known_only):
                continue
            if length is not None and not event["at"] > moment - length:
                continue
            if length is None and ttl and event["at"] < moment - ttl:
                continue
            if where(event):
                inside.append(event)
        result.append(aggregate(function, inside, column, parameter))
    return result


def aggregate(function, events, column, parameter=None):
    """One aggregate of the events of one window."""
    if function == "count" and column is None:
        return len(events)
    ordered = sorted(events, key=lambda event: _rank(event, [column]))
    values = [event[column] for event in ordered]
    if function == "first":
        return values[0] if values else None
    if function == "last":
        return values[-1] if values else None
    if function == "last_k":
        return values[::-1][:parameter] or None
    known = [value for value in values if value is not None]
    if function == "count":
        return len(known)
    if function == "count_distinct":
        return len(set(known))
    if not known:
        return None
    if function == "top_k":
        return sorted(set(known), key=lambda value: (-known.count(value), value))[:parameter]
    if function == "quantile":
        ordered = sorted(known)
        place = parameter * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    if function == "stddev":
        return statistics.stdev(known) if len(known) > 1 else None
    return {"sum": sum, "mean": statistics.fmean, "min": min, "max": max}[function](known)


def rows_table(connection, name, types, rows):
    """Make the table `name` of dict rows; `types` maps columns to SQL types. A column `__row` is filled in."""
    columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
    connection.execute(f"create or replace table {name} ({columns})").fetchall()
    if rows:
        values = ", ".join(f"({', '.join('?' for _ in types)})" for _ in rows)
        flat = [
            row.get(column, number if column == "__row" else None)
            for number, row in enumerate(rows)
            for column in types
        ]
        connection.execute(f"insert into {name} values {values}", flat).fetchall()
