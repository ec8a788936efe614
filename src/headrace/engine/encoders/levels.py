"""The levels of a category: which training had, in which order, and which of them share `other`."""

from __future__ import annotations

import enum
from typing import TypeAlias

import duckdb
import pyarrow as pa

from headrace.declarations.encoders.one_hot import OneHot
from headrace.engine.encoders.base import column_types, quoted
from headrace.errors import EncodingError

LEVEL, NULL, OTHER = "level", "null", "other"

_SCHEMA = pa.schema(
    [
        ("feature", pa.string()),
        ("level", pa.string()),
        ("role", pa.string()),
        ("index", pa.int32()),
        ("count", pa.int64()),
    ]
)
Counted: TypeAlias = "list[tuple[bool | int | str | None, int]]"


class LevelType(enum.Enum):
    """What the levels of a column are. A column never changes from one to another."""

    TEXT = "text"
    INTEGER = "integers"
    BOOLEAN = "booleans"

    @property
    def python(self) -> type:
        """The plain type of one value."""
        return {"text": str, "integers": int, "booleans": bool}[self.value]

    @property
    def arrow(self) -> pa.DataType:
        """The type that columns are compared in."""
        return {"text": pa.large_string(), "integers": pa.int64(), "booleans": pa.bool_()}[self.value]


_DUCKDB_TYPES = {
    **dict.fromkeys(("varchar", "enum"), LevelType.TEXT),
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), LevelType.INTEGER),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger"), LevelType.INTEGER),
    "boolean": LevelType.BOOLEAN,
}


def arrow_level_type(arrow_type: pa.DataType) -> LevelType | None:
    """What the levels of an Arrow column are; None for a type that has none, such as floats."""
    if pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type) or pa.types.is_string_view(arrow_type):
        return LevelType.TEXT
    if pa.types.is_integer(arrow_type) and arrow_type != pa.uint64():
        return LevelType.INTEGER
    return LevelType.BOOLEAN if pa.types.is_boolean(arrow_type) else None


def python_level(level_type: LevelType, text: str | None) -> bool | int | str | None:
    """A level as it was before it was stored as text."""
    if text is None or level_type is LevelType.TEXT:
        return text
    return int(text) if level_type is LevelType.INTEGER else text == "true"


def label(role: str, level: str | None) -> str:
    """How an output column calls a level; text that reads like `null` or `other` is quoted."""
    if role != LEVEL or level is None:
        return role
    return f"'{level}'" if level in (NULL, OTHER) or level.startswith("'") else level


def fit_levels(spec: OneHot, rows: duckdb.DuckDBPyRelation) -> tuple[list[str], pa.Table]:
    """The level type of each column, and the table of all levels."""
    types, table_rows, offset = [], [], 0
    for column, duck_type in column_types(spec.kind, spec.columns, rows).items():
        if duck_type not in _DUCKDB_TYPES:
            problem = f"takes text, integers of up to 64 bits or booleans, got {duck_type.upper()}. Cast it first."
            raise EncodingError(spec.kind, column, problem)
        counted = _counted(_DUCKDB_TYPES[duck_type], column, rows)
        if not counted:
            raise EncodingError(spec.kind, column, "there are no training rows, so there is nothing to fit.")
        chosen = _indexed(spec, column, counted, offset)
        offset = 1 + max(int(str(item["index"])) for item in chosen)
        table_rows += chosen
        types.append(_DUCKDB_TYPES[duck_type].value)
    return types, pa.Table.from_pylist(table_rows, schema=_SCHEMA)


def _counted(level_type: LevelType, column: str, rows: duckdb.DuckDBPyRelation) -> Counted:
    """Each level with its training rows, in level order, null last."""
    # an ENUM groups and sorts as text, any integer as a 64-bit one
    sql_type = {"text": "varchar", "integers": "bigint", "booleans": "boolean"}[level_type.value]
    grouped = rows.aggregate(f"cast({quoted(column)} as {sql_type}), count(*)", quoted(column))
    return sorted(grouped.fetchall(), key=lambda pair: (pair[0] is None, pair[0] if pair[0] is not None else 0))


def _indexed(spec: OneHot, column: str, counted: Counted, offset: int) -> list[dict[str, object]]:
    """One table row a level: kept ones in level order, then rare ones at the place of `other`, then `other`."""
    by_count = sorted(range(len(counted)), key=lambda place: (-counted[place][1], place))
    frequent = set(by_count[: spec.max_categories])
    kept = [pair for place, pair in enumerate(counted) if place in frequent and pair[1] >= spec.min_count]
    rare = [pair for place, pair in enumerate(counted) if place not in frequent or pair[1] < spec.min_count]
    bucket = offset + len(kept)
    # with unseen="other" every level that is not kept goes there, so a long tail need not be remembered
    remembered = [] if spec.unseen == OTHER else rare
    found = [_level_row(column, pair, offset + place) for place, pair in enumerate(kept)]
    found += [_level_row(column, pair, bucket) for pair in remembered]
    if rare or spec.unseen == OTHER:
        total = sum(count for _, count in rare)
        found.append({"feature": column, "level": None, "role": OTHER, "index": bucket, "count": total})
    return found


def _level_row(column: str, counted: tuple[bool | int | str | None, int], index: int) -> dict[str, object]:
    level, count = counted
    stored = str(level).lower() if isinstance(level, bool) else None if level is None else str(level)
    role = NULL if level is None else LEVEL
    return {"feature": column, "level": stored, "role": role, "index": index, "count": count}
