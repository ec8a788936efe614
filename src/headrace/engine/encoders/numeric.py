"""What the encoders of numbers share: reading numbers, and `(x - shift) / scale` with a fill for what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.engine.encoders.base import RowEncoder, absent_in_row, column_types, quoted, row_numbers, table_column
from headrace.engine.encoders.state import State
from headrace.errors import EncodingError

Floats = npt.NDArray[np.float64]

# the least float64 that rounds to infinity in float32
FLOAT32_EDGE = 3.4028235677973366e38
# rows encoded at a time, so that the part of the block being written stays in the processor's cache
_BATCH = 16_384

_NUMBER_TYPES = frozenset(
    [
        "boolean",
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "hugeint",
        "utinyint",
        "usmallint",
        "uinteger",
        "ubigint",
        "uhugeint",
        "float",
        "double",
        "decimal",
    ]
)


@dataclass(frozen=True)
class Linear:
    """A number becomes `(x - shift) / scale`, a missing one `fill`."""

    shift: float
    scale: float
    fill: float


def fit_columns(kind: str, columns: Sequence[str], rows: duckdb.DuckDBPyRelation) -> dict[str, Floats]:
    """The present values of each column, as float64 in no order. Refuses text, infinity, and columns without any."""
    for column, duck_type in column_types(kind, columns, rows).items():
        if duck_type not in _NUMBER_TYPES:
            raise EncodingError(kind, column, _not_numbers(duck_type.upper()))
    fetched = rows.project(", ".join(map(quoted, columns))).to_arrow_table()
    return {column: _present(kind, column, fetched) for column in columns}


def _present(kind: str, column: str, rows: pa.Table) -> Floats:
    values = _floats(kind, column, rows)
    finite = np.isfinite(values)
    if finite.all():
        return values
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise EncodingError(kind, column, f"{infinite} infinite value(s) in the training rows. Make them null.")
    return values[finite]


def nothing_to_fit(kind: str, column: str) -> EncodingError:
    """The error for a column that is missing in every training row."""
    return EncodingError(kind, column, "every value is missing in the training rows, so there is nothing to fit.")


def apply_linear(state: State, plan: Sequence[Linear], flags: bool, rows: pa.Table) -> npt.NDArray[np.float32]:
    """Encode the state's columns; with `flags`, each is followed by its missing flag."""
    step = 2 if flags else 1
    block = np.empty((rows.num_rows, step * len(plan)), dtype=np.float32)
    for start in range(0, rows.num_rows, _BATCH):
        batch = rows.slice(start, _BATCH)
        part = block[start : start + _BATCH]
        with np.errstate(over="ignore", invalid="ignore"):
            for position, (column, linear) in enumerate(zip(state.columns, plan, strict=True)):
                values = _floats(state.kind, column, batch)
                missing = np.isnan(values)
                part[:, step * position] = np.where(missing, linear.fill, (values - linear.shift) / linear.scale)
                if flags:
                    part[:, step * position + 1] = missing
        if not np.isfinite(part).all():
            raise _first_too_large(state, part, step, start)
    return block


def linear_row_encoder(state: State, plan: Sequence[Linear], flags: bool) -> RowEncoder:
    """The same for one row, in plain Python."""
    kind = state.kind
    steps = [(name, item.shift, item.scale, item.fill) for name, item in zip(state.columns, plan, strict=True)]

    def encode(row: Mapping[str, object]) -> list[float]:
        encoded: list[float] = []
        try:
            for column, shift, scale, fill in steps:
                value = row[column]
                number = value if type(value) is float else _as_float(kind, column, value)
                result = (number - shift) / scale
                if -FLOAT32_EDGE < result < FLOAT32_EDGE:
                    encoded.append(result)
                elif number != number:
                    encoded.append(fill)
                else:
                    raise EncodingError(kind, column, _too_large(number))
                if flags:
                    encoded.append(1.0 if number != number else 0.0)
        except KeyError:
            raise absent_in_row(state, row) from None
        return encoded

    return encode


def _floats(kind: str, column: str, rows: pa.Table) -> Floats:
    """A column as float64, each number rounded once; NaN where it is missing."""
    found = table_column(kind, rows, column)
    arrow_type = found.type
    if pa.types.is_decimal(arrow_type):
        # Arrow rounds twice from decimal to double, Python's float() once; through text both round once
        found = found.cast(pa.string())
    elif not (
        pa.types.is_floating(arrow_type)
        or pa.types.is_integer(arrow_type)
        or pa.types.is_boolean(arrow_type)
        or pa.types.is_null(arrow_type)
    ):
        raise EncodingError(kind, column, _not_numbers(str(arrow_type)))
    values: Floats = found.cast(pa.float64(), safe=False).to_numpy()
    return values


def _as_float(kind: str, column: str, value: object) -> float:
    """Any one number as float; NaN for None."""
    if value is None:
        return float("nan")
    if not isinstance(value, (float, int, Decimal, np.number, np.bool_)):
        raise EncodingError(kind, column, _not_numbers(f"{value!r} ({type(value).__name__})"))
    try:
        return float(value)
    except OverflowError:
        raise EncodingError(kind, column, _too_large(value)) from None


def _first_too_large(state: State, part: npt.NDArray[np.float32], step: int, start: int) -> EncodingError:
    """The error for the first column of a batch that left float32."""
    bad = ~np.isfinite(part)
    position = int(np.flatnonzero(bad.any(axis=0))[0])
    problem = "infinity, or a number that float32 cannot hold once encoded. Make it null, or clip it."
    return EncodingError(state.kind, state.columns[position // step], problem, row_numbers(bad[:, position], start))


def _too_large(value: object) -> str:
    return f"{value!r} is infinity, or a number that float32 cannot hold once encoded. Make it null, or clip it."


def _not_numbers(got: str) -> str:
    return f"takes booleans, integers, decimals or floats, got {got}. Cast it first; nothing is parsed unasked."
