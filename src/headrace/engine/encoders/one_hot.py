"""OneHot: a column of zeros and ones for each level of a category."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse

from headrace.declarations.encoders.base import JSON
from headrace.declarations.encoders.one_hot import OneHot
from headrace.engine.encoders.base import (
    Block,
    EncoderEngine,
    OutputColumn,
    RowEncoder,
    SparseRow,
    State,
    absent_in_row,
    row_numbers,
    table_column,
)
from headrace.engine.encoders.levels import OTHER, LevelType, arrow_level_type, fit_levels, label, python_level
from headrace.errors import EncodingError

# rows written at a time, so that the part of the block being written stays in the processor's cache
_BATCH = 16_384
_ZERO = -1
_REFUSED = -2


class OneHotEngine(EncoderEngine[OneHot]):
    """Equal to scikit-learn's OneHotEncoder on clean data; stricter about types and explicit about null.

    The state's table `levels` has one row a level: feature, level (as text), role (level, null, other), index (the
    output column; rare levels have that of `other`), count.
    """

    kind = "one_hot"

    def fit(self, spec: OneHot, rows: duckdb.DuckDBPyRelation) -> State:
        types, table = fit_levels(spec, rows)
        values: dict[str, JSON] = {"types": types, "unseen": spec.unseen, "sparse": spec.sparse}
        state = State(self.kind, self.version, spec.columns, values, {"levels": table})
        _require_distinct_names(self.columns(state))
        return state

    def columns(self, state: State) -> list[OutputColumn]:
        named: dict[int, OutputColumn] = {}
        for item in state.tables["levels"].to_pylist():
            detail = {key: item[key] for key in ("level", "role", "count")}
            name = f"{item['feature']}={label(item['role'], item['level'])}"
            # rare levels have the index of `other`, whose own row comes last
            named[item["index"]] = OutputColumn(name, item["feature"], self.kind, detail)
        return [named[index] for index in sorted(named)]

    def sparse(self, state: State) -> bool:
        return state.flag("sparse")

    def apply(self, state: State, rows: pa.Table) -> Block:
        width = _width(state)
        found = [_positions(state, column, rows) for column in state.columns]
        return _to_csr(found, width) if self.sparse(state) else _to_dense(found, rows.num_rows, width)

    def row_encoder(self, state: State) -> RowEncoder:
        return _sparse_row_encoder(state) if self.sparse(state) else _dense_row_encoder(state)


def _width(state: State) -> int:
    return int(pc.max(state.tables["levels"]["index"]).as_py()) + 1


def _require_distinct_names(columns: list[OutputColumn]) -> None:
    seen: dict[str, str] = {}
    for column in columns:
        if column.name in seen:
            problem = f"its output column {column.name!r} is also one of {seen[column.name]!r}."
            raise EncodingError(column.encoder, column.feature, f"{problem} Encode them in two blocks.")
        seen[column.name] = column.feature


def _level_rows(state: State, column: str) -> pa.Table:
    levels = state.tables["levels"]
    return levels.filter(pc.equal(levels["feature"], column))


def _level_type(state: State, column: str) -> LevelType:
    return LevelType(state.strings("types")[state.columns.index(column)])


def _unseen_index(state: State, levels: pa.Table) -> int:
    """What a level that training did not have gives: an output column, nothing, or an error."""
    if state.text("unseen") == "zero":
        return _ZERO
    if state.text("unseen") == "error":
        return _REFUSED
    return int(levels.filter(pc.equal(levels["role"], OTHER))["index"][0].as_py())


def _positions(state: State, column: str, rows: pa.Table) -> npt.NDArray[np.int32]:
    """The output column of each row, or -1 for none."""
    values = table_column(state.kind, rows, column)
    level_type = _level_type(state, column)
    if not pa.types.is_null(values.type) and arrow_level_type(values.type) is not level_type:
        raise EncodingError(state.kind, column, f"was fitted on {level_type.value}, got {values.type}. Cast it.")
    values = values.cast(level_type.arrow)
    levels = _level_rows(state, column)
    known, indices = _lookup_arrays(state, column, levels)
    unseen = _unseen_index(state, levels)
    found = pc.index_in(values, value_set=known)
    # the place after the last known level stands for what is not known
    places = found.fill_null(len(known)).to_numpy()
    positions: npt.NDArray[np.int32] = np.append(indices, unseen).astype(np.int32)[places]
    if unseen == _REFUSED and (positions == _REFUSED).any():
        wrong = row_numbers(positions == _REFUSED)
        raise EncodingError(state.kind, column, _unseen_problem(values[wrong[0]].as_py()), wrong)
    return positions


def _lookup_arrays(state: State, column: str, levels: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Every level that training had, typed, and the output column of each."""
    lookup = _lookup(state, column, levels)
    known = pa.array(list(lookup), _level_type(state, column).arrow)
    return known, np.fromiter(lookup.values(), dtype=np.int32, count=len(lookup))


def _lookup(state: State, column: str, levels: pa.Table) -> dict[Any, int]:
    """Level (None for null) to output column."""
    level_type = _level_type(state, column)
    return {
        python_level(level_type, item["level"]): item["index"] for item in levels.to_pylist() if item["role"] != OTHER
    }


def _to_dense(found: list[npt.NDArray[np.int32]], count: int, width: int) -> npt.NDArray[np.float32]:
    block = np.zeros((count, width), dtype=np.float32)
    for start in range(0, count, _BATCH):
        flat = block[start : start + _BATCH].reshape(-1)
        offsets = np.arange(0, flat.size, width)
        for positions in found:
            part = positions[start : start + _BATCH]
            hit = part >= 0
            flat[(offsets + part)[hit]] = 1.0
    return block


def _to_csr(found: list[npt.NDArray[np.int32]], width: int) -> scipy.sparse.csr_matrix:
    positions = np.stack(found, axis=1)
    hit = positions >= 0
    indices = positions[hit]
    indptr = np.concatenate([[0], np.cumsum(hit.sum(axis=1))]).astype(np.int32)
    ones = np.ones(len(indices), dtype=np.float32)
    return scipy.sparse.csr_matrix((ones, indices, indptr), shape=(len(positions), width))


def _row_index_finder(state: State) -> Callable[[Mapping[str, object]], list[int]]:
    """A function from a row to its output columns, in order."""
    steps = []
    for column in state.columns:
        levels = _level_rows(state, column)
        level_type = _level_type(state, column)
        steps.append(
            (column, level_type.python, level_type, _lookup(state, column, levels), _unseen_index(state, levels))
        )

    def find(row: Mapping[str, object]) -> list[int]:
        indices = []
        try:
            for column, python_type, level_type, lookup, unseen in steps:
                value = row[column]
                if type(value) is not python_type:
                    value = _plain(state.kind, column, level_type, value)
                index = lookup.get(value, unseen)
                if index >= 0:
                    indices.append(index)
                elif index == _REFUSED:
                    raise EncodingError(state.kind, column, _unseen_problem(value))
        except KeyError:
            raise absent_in_row(state, row) from None
        return indices

    return find


def _dense_row_encoder(state: State) -> RowEncoder:
    find, blank = _row_index_finder(state), [0.0] * _width(state)

    def encode(row: Mapping[str, object]) -> list[float]:
        encoded = blank.copy()
        for index in find(row):
            encoded[index] = 1.0
        return encoded

    return encode


def _sparse_row_encoder(state: State) -> RowEncoder:
    find = _row_index_finder(state)

    def encode(row: Mapping[str, object]) -> SparseRow:
        indices = find(row)
        return indices, [1.0] * len(indices)

    return encode


def _plain(kind: str, column: str, level_type: LevelType, value: object) -> object:
    """None, or a NumPy scalar of the fitted type as plain Python; anything else is refused."""
    if value is None:
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    if type(plain) is level_type.python:
        return plain
    got = f"{value!r} ({type(value).__name__})"
    raise EncodingError(kind, column, f"was fitted on {level_type.value}, got {got}. Cast it.")


def _unseen_problem(value: object) -> str:
    return f"level {value!r} did not occur in the training rows, and unseen='error'."
