"""Differences as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.cli.console import heading, say
from headrace.cli.format import blob, cell, moment, short, table, to_json
from headrace.errors import name_list

if TYPE_CHECKING:
    from headrace.builder.differences import AssetDifference, Fact, VersionDifference
    from headrace.engine.differences import ColumnDifference, Example, TableDifference

_COLUMNS_SHOWN = 30
_FACTS_SHOWN = 30
_PARTITION_WORDS = {"differs": "changed", "new": "new", "gone": "gone"}
_STYLES = {"same": "green", "equal": "green", "differs": "yellow", "only": "cyan"}


def environments_json(before: str, now: str, found: Sequence[AssetDifference]) -> dict[str, Any]:
    """Two environments as JSON."""
    assets = [
        {
            "asset": one.asset,
            "relation": one.relation,
            "versions": dict(zip((before, now), one.versions, strict=True)),
            "rows": dict(zip((before, now), one.rows, strict=True)),
            "columns": list(one.columns),
        }
        for one in found
    ]
    return {"environments": [before, now], "assets": assets}


def print_environments(before: str, now: str, found: Sequence[AssetDifference], *, whole: bool) -> None:
    """A line for each asset that differs, or for all, and how many do not."""
    shown = [one for one in found if whole or one.relation != "same"]
    rows = [[one.asset, *(short(version) if version else "-" for version in one.versions)] for one in shown]
    lines = table(["asset", before, now], rows)
    width = max(map(len, lines))
    for line, one in zip(lines[1:], shown, strict=True):
        relation = f"only in {before if one.versions[1] is None else now}" if one.relation == "only" else one.relation
        say(f"{line.ljust(width)}  ", (relation, _STYLES[one.relation]), f"  {'; '.join(_said(one))}")
    same = sum(one.relation == "same" for one in found)
    equal = sum(one.relation == "equal" for one in found)
    say(
        f"{len(found) - same - equal} of {len(found)} assets differ between {before} and {now}; "
        f"{same} are the same version, {equal} another version with equal content"
    )


def _said(one: AssetDifference) -> Iterator[str]:
    if one.relation != "differs":
        return
    old, new = one.rows
    if old != new:
        yield f"{old:,} -> {new:,} rows"
    if one.every and old != new:
        yield "every column"  # rows that came or went show in all of them
    elif one.columns:
        more = f" and {len(one.columns) - _COLUMNS_SHOWN} more" if len(one.columns) > _COLUMNS_SHOWN else ""
        yield f"columns {', '.join(one.columns[:_COLUMNS_SHOWN])}{more}"
    elif old == new:
        yield "the same columns, each by itself"  # values in other rows, or what is not in the table


def versions_json(found: VersionDifference) -> dict[str, Any]:
    """Two versions as JSON."""
    return {
        "asset": found.asset,
        "before": found.before.version,
        "now": found.now.version,
        "same": False,
        "why": list(found.why),
        "partitions": dict(found.partitions),
        "tables": {name: _table_json(one) for name, one in found.tables.items()},
        "blocks": [
            {"file": one.file, "shapes": to_json(one.shapes), "differ": one.differ, "largest": to_json(one.largest)}
            for one in found.blocks
        ],
        "facts": [_fact_json(one) for one in found.facts],
        "fitted": [_fact_json(one) for one in found.fitted],
        "files": dict(found.files),
    }


def _fact_json(one: Fact) -> dict[str, Any]:
    return {"name": one.name, "before": to_json(one.before), "now": to_json(one.now)}


def _table_json(one: TableDifference) -> dict[str, Any]:
    return {
        "keys": list(one.keys),
        "rows": {"before": one.rows[0], "now": one.rows[1], "added": one.added, "removed": one.removed}
        | {"changed": one.changed, "rounding": one.rounding},
        "new_columns": one.new_columns,
        "gone_columns": one.gone_columns,
        "retyped": {name: {"before": kinds[0], "now": kinds[1]} for name, kinds in one.retyped.items()},
        "columns": [_column_json(column) for column in one.columns],
        "added": [_row_json(row) for row in one.added_examples],
        "removed": [_row_json(row) for row in one.removed_examples],
    }


def _column_json(one: ColumnDifference) -> dict[str, Any]:
    return {
        "name": one.name,
        "differ": one.differ,
        "rounding": one.rounding,
        "appeared": one.appeared,
        "vanished": one.vanished,
        "largest": to_json(one.largest),
        "relative": to_json(one.relative),
        "examples": [
            {"key": _row_json(example.key), "before": _value_json(example.before), "now": _value_json(example.now)}
            for example in one.examples
        ],
    }


def _row_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value_json(value) for name, value in row.items()}


def _value_json(value: Any) -> Any:
    """Binary content only by what it is: a picture says nothing as base64."""
    return blob(value) if isinstance(value, bytes) else to_json(value)


def print_versions(found: VersionDifference) -> None:
    """Everything that differs, under headings."""
    before, now = found.before, found.now
    say((found.asset, "bold"), f"  {short(before.version)} -> {short(now.version)}")
    say(f"built {moment(before.created_at)} and {moment(now.created_at)}")
    heading("why")
    for reason in found.why or ["same declaration, code and inputs"]:
        say(f"  {reason}")
    if found.partitions:
        heading("partitions")
        for state in dict.fromkeys(found.partitions.values()):
            labels = [label for label, other in found.partitions.items() if other == state]
            say(f"  {len(labels):,} {_PARTITION_WORDS[state]}: {name_list(labels)}")
    for name, one in found.tables.items():
        heading("rows" if name == "data.parquet" else f"rows of {name}")
        _print_table(one)
    if found.blocks:
        heading("blocks")
        _lines(["block", "before", "now", "differ", "largest"], [_block_row(one) for one in found.blocks])
    _print_facts("learnt", found.fitted)
    _print_facts("details", found.facts)
    if found.files:
        heading("other files")
        for name, state in found.files.items():
            say(f"  {name}: {state}")
    if not (found.tables or found.blocks or found.fitted or found.facts or found.files):
        say("\nTheir content is the same, byte for byte.")


def _block_row(one: Any) -> list[Any]:
    shapes = [" x ".join(f"{size:,}" for size in shape) for shape in one.shapes]
    differ = "other rows or columns" if one.differ is None else f"{one.differ:,} values"
    return [one.file, *shapes, differ, "" if one.largest is None else f"{one.largest:.3g}"]


def _print_table(one: TableDifference) -> None:
    if one.is_none:
        say("  the same, stored otherwise")
        return
    say(f"  {_rows_said(one)}")
    for name, kind in one.new_columns.items():
        say(("  + ", "green"), f"{name} {kind}")
    for name, kind in one.gone_columns.items():
        say(("  - ", "red"), f"{name} {kind}")
    for name, kinds in one.retyped.items():
        say(("  ~ ", "yellow"), f"{name} {kinds[0]} -> {kinds[1]}")
    if one.columns:
        rows = [_column_row(column) for column in one.columns[:_COLUMNS_SHOWN]]
        _lines(["column", "differ", "only rounding", "were null", "now null", "largest", "relative"], rows)
    if len(one.columns) > _COLUMNS_SHOWN:
        say(f"  and {len(one.columns) - _COLUMNS_SHOWN} more columns (--json shows all)")
    for mark, style, examples in (("+", "green", one.added_examples), ("-", "red", one.removed_examples)):
        for row in examples:
            say((f"  {mark} ", style), _named(row))
    for column in one.columns[:_COLUMNS_SHOWN]:
        for example in column.examples:
            say(("  ~ ", "yellow"), f"{_named(example.key)}  {column.name}: {_change(example)}")


def _rows_said(one: TableDifference) -> str:
    counts = {"added": one.added, "removed": one.removed, "changed": one.changed}
    said = [f"{count:,} {what}" for what, count in counts.items() if count] or ["none added, removed or changed"]
    said += [f"{one.rounding:,} equal up to rounding"] if one.rounding else []
    if not one.keys:
        how = "compared as whole rows, for no columns identify one"
    elif one.keys == ("file_row_number",):
        how = "matched by their place"
    else:
        how = f"by {', '.join(one.keys)}"
    return f"{one.rows[0]:,} -> {one.rows[1]:,} rows: {', '.join(said)} ({how})"


def _column_row(one: ColumnDifference) -> list[Any]:
    largest = "" if one.largest is None else f"{one.largest:.3g}"
    relative = "" if one.relative is None else f"{one.relative:.2%}" if one.relative < 10 else f"{one.relative:.3g} x"
    return [one.name, one.differ, one.rounding, one.appeared, one.vanished, largest, relative]


def _named(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in row.items() if name != "file_row_number") or _place(
        row
    )


def _place(row: Mapping[str, Any]) -> str:
    return f"row {row['file_row_number']:,}" if "file_row_number" in row else "a row"


def _change(example: Example) -> str:
    """Old and new value; of two JSON objects, as what an encoder learnt of a column, only what differs."""
    before, now = _object(example.before), _object(example.now)
    if before is None or now is None:
        return f"{_shown(example.before)} -> {_shown(example.now)}"
    names = [name for name in dict.fromkeys((*now, *before)) if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {_shown(before.get(name))} -> {_shown(now.get(name))}" for name in names)


def _object(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _shown(value: Any) -> str:
    return "null" if value is None else cell(value)


def _print_facts(title: str, facts: Sequence[Fact]) -> None:
    if not facts:
        return
    heading(title)
    rows = [[*_split(one.name), _shown(one.before), _shown(one.now), _step(one)] for one in facts[:_FACTS_SHOWN]]
    _lines(["", "", "before", "now", "change"], rows)
    if len(facts) > _FACTS_SHOWN:
        say(f"  and {len(facts) - _FACTS_SHOWN} more (--json shows all)")


def _split(name: str) -> tuple[str, str]:
    """What a fact is of, and what it is."""
    of, _, what = name.removeprefix("metrics: ").rpartition(": ")
    return of, what


def _step(one: Fact) -> str:
    numbers = [
        value for value in (one.before, one.now) if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return f"{numbers[1] - numbers[0]:+.4g}" if len(numbers) == 2 else ""


def _lines(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    for line in table(headers, rows, indent="  ", thousands=True):
        say(line)
