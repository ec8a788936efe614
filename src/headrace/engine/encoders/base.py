"""EncoderEngine: what every encoder's engine offers, and the few helpers they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from headrace.declarations.encoders.base import JSON, Encoder
from headrace.engine.encoders import encoder_version
from headrace.engine.encoders.state import State
from headrace.errors import EncodingError, closest, name_list

__all__ = [
    "Block",
    "EncoderEngine",
    "OutputColumn",
    "RowEncoder",
    "SparseRow",
    "State",
    "apply_rows",
    "describe",
]

Spec = TypeVar("Spec", bound=Encoder)
SparseRow: TypeAlias = tuple[list[int], list[float]]
Block: TypeAlias = "npt.NDArray[np.float32] | scipy.sparse.csr_matrix"
RowEncoder: TypeAlias = Callable[[Mapping[str, object]], "list[float] | SparseRow"]


@dataclass(frozen=True)
class OutputColumn:
    """One column of a block: its name there, the input column, the kind of encoder, and what was fitted for it."""

    name: str
    feature: str
    encoder: str
    detail: Mapping[str, JSON]


class EncoderEngine(ABC, Generic[Spec]):
    """How one kind of encoder is fitted and applied. Engines hold no data: everything learnt is in the State.

    `apply` and `row_encoder` compute in float64, in the same order, and agree bit for bit once cast to float32.
    """

    kind: ClassVar[str]

    @property
    def version(self) -> int:
        return encoder_version(self.kind)

    @abstractmethod
    def fit(self, spec: Spec, rows: duckdb.DuckDBPyRelation) -> State:
        """Learn from the training split: the same rows in any order give the same state, bit for bit."""

    @abstractmethod
    def columns(self, state: State) -> list[OutputColumn]:
        """The columns of the block, in order; names are unique in it."""

    def sparse(self, state: State) -> bool:
        """Whether blocks are CSR (and rows SparseRow) instead of dense."""
        return False

    def libraries(self) -> dict[str, str]:
        """The libraries whose version can change the result; part of the fingerprint."""
        return {}

    @abstractmethod
    def apply(self, state: State, rows: pa.Table) -> Block:
        """Encode a table: float32, (n, k), C-ordered, or CSR with sorted indices. Raises EncodingError."""

    @abstractmethod
    def row_encoder(self, state: State) -> RowEncoder:
        """A function that encodes one row given as a mapping: k floats, or (indices, values) where sparse.

        Make it once and keep it. Its floats are float64; cast them to float32 to compare with `apply`.
        """

    def apply_row(self, state: State, row: Mapping[str, object]) -> list[float] | SparseRow:
        """Encode a single row; for many rows, keep the `row_encoder`."""
        return self.row_encoder(state)(row)


def describe(engine: EncoderEngine[Any], state: State) -> list[dict[str, JSON]]:
    """For people: one row an output column, with name, feature, encoder, and what was fitted for it."""
    return [
        {"name": column.name, "feature": column.feature, "encoder": column.encoder, **column.detail}
        for column in engine.columns(state)
    ]


def apply_rows(engine: EncoderEngine[Any], state: State, rows: Sequence[Mapping[str, object]]) -> Block:
    """The block that the one-row path gives, row by row: what `apply` is compared with."""
    encode, width = engine.row_encoder(state), len(engine.columns(state))
    encoded: list[Any] = [encode(row) for row in rows]
    if not engine.sparse(state):
        return np.array(encoded, dtype=np.float32).reshape(len(rows), width)
    indptr = np.concatenate([[0], np.cumsum([len(indices) for indices, _ in encoded])]).astype(np.int32)
    indices = np.array([index for row in encoded for index in row[0]], dtype=np.int32)
    values = np.array([value for row in encoded for value in row[1]], dtype=np.float32)
    return scipy.sparse.csr_matrix((values, indices, indptr), shape=(len(rows), width))


def quoted(column: str) -> str:
    """A column as a SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def column_types(kind: str, columns: Sequence[str], rows: duckdb.DuckDBPyRelation) -> dict[str, str]:
    """The DuckDB type of each column, as in {"price": "decimal"}."""
    found = {name: str(duck_type.id) for name, duck_type in zip(rows.columns, rows.types, strict=True)}
    for column in columns:
        if column not in found:
            raise absent(kind, column, found)
    return {column: found[column] for column in columns}


def table_column(kind: str, rows: pa.Table, column: str) -> pa.ChunkedArray:
    """A column of the rows to encode; a dictionary-encoded one as its values."""
    if column not in rows.column_names:
        raise absent(kind, column, rows.column_names)
    found = rows.column(column)
    return found.cast(found.type.value_type) if pa.types.is_dictionary(found.type) else found


def absent(kind: str, column: str, known: Sequence[str] | Mapping[str, object]) -> EncodingError:
    """The error for a column that the rows do not have."""
    nearest = closest(column, known)
    hint = f" Did you mean {nearest!r}?" if nearest else ""
    return EncodingError(kind, column, f"the rows have no such column.{hint} They have: {name_list(known)}.")


def absent_in_row(state: State, row: Mapping[str, object]) -> EncodingError:
    """The error for the first column that a row does not have."""
    return absent(state.kind, next(column for column in state.columns if column not in row), dict(row))


def distinct(column: pa.ChunkedArray, large_type: pa.DataType) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Its distinct values, and for each row the position among them, -1 for null."""
    # 64-bit offsets: the distinct images of a column can pass 2 GB
    encoded = column.cast(large_type).dictionary_encode().unify_dictionaries().combine_chunks()
    positions = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return encoded.dictionary, positions.astype(np.int64)


def row_numbers(mask: npt.NDArray[np.bool_], start: int = 0) -> list[int]:
    """The positions where it is true, as plain integers."""
    return [int(position) + start for position in np.flatnonzero(mask)]
