"""Fitted transforms: encoders' states made from the training split, saved as plain data, applied to any rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from headrace.declarations.base import table_name
from headrace.declarations.training_set import SPLIT_COLUMN
from headrace.declarations.transform import Transform, check_carried
from headrace.engine.encoders import engine_for
from headrace.engine.encoders.base import Block, EncoderEngine, OutputColumn, SparseRow, State
from headrace.engine.value_kinds import kind_of
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import CorruptObject, EncodingError
from headrace.lineage.canonical import digest
from headrace.store.digests import describe, quote

STATE_FOLDER = "state"
_INDEX = "block-order.json"  # a block is an identifier, so it cannot have this name
_KINDS = "input-kinds.json"


@dataclass(frozen=True)
class FittedTransform:
    """Blocks in order, each an encoder's engine with its state.

    Attributes:
        kinds: what kind of value each column held that it was fitted on (see `value_kinds.kind_of`).
    """

    blocks: Mapping[str, tuple[EncoderEngine[Any], State]]
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(dict.fromkeys(name for _, state in self.blocks.values() for name in state.columns))

    def columns(self, block: str) -> list[OutputColumn]:
        engine, state = self.blocks[block]
        return engine.columns(state)

    def encode(self, rows: pa.Table) -> dict[str, Block]:
        """Every block of a table with the required columns: float32 (rows, columns), dense or CSR."""
        return {name: engine.apply(state, rows) for name, (engine, state) in self.blocks.items()}

    def row_encoders(self) -> dict[str, Callable[[Mapping[str, object]], list[float] | SparseRow]]:
        """For each block, the compiled function that encodes one row."""
        return {name: engine.row_encoder(state) for name, (engine, state) in self.blocks.items()}

    def digest(self) -> str:
        """The same for the same states, however they are stored."""
        return digest([[[name, state.digest()] for name, (_, state) in self.blocks.items()], dict(self.kinds)])

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (_, state) in self.blocks.items():
            state.save(folder, name)
        (folder / _INDEX).write_text(json.dumps(list(self.blocks)), encoding="utf-8")
        (folder / _KINDS).write_text(json.dumps(dict(self.kinds)), encoding="utf-8")


def load_transform(folder: Path) -> FittedTransform:
    """The transform saved in `folder`; raises CorruptObject for a damaged or unknown state."""
    try:
        names = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        kinds = json.loads((folder / _KINDS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptObject(f"the transform in {folder} cannot be read: {error}.") from error
    states = {name: State.load(folder, name) for name in names}
    return FittedTransform({name: (engine_for(state.kind), state) for name, state in states.items()}, kinds)


def compute_transform(transform: Transform, bench: Workbench) -> Computed:
    """Fit every encoder on the `train` rows; the main table lists the columns that come out, with what was fitted."""
    table = table_name(transform.fit_on.key)
    fitted: dict[str, tuple[EncoderEngine[Any], State]] = {}
    check_carried(
        transform.where, transform.required(), transform.fit_on, [name for name, _ in describe(bench.connection, table)]
    )
    for number, (block, encoder) in enumerate(transform.encode.items()):
        bench.progress(f"fitting {block}", number / len(transform.encode))
        columns = ", ".join(quote(name) for name in encoder.columns)
        rows = bench.connection.sql(f"select {columns} from {table} where {SPLIT_COLUMN} = 'train'")
        engine = engine_for(encoder.kind)
        fitted[block] = (engine, _fit(transform, block, engine, encoder, rows))
    result = FittedTransform(fitted, _kinds(transform, table, bench.connection))
    result.save(bench.draft / STATE_FOLDER)
    _column_table(result).write_parquet(bench.main_table)
    trained = bench.connection.sql(f"select count(*) from {table} where {SPLIT_COLUMN} = 'train'").fetchall()[0][0]
    return Computed({"fitted on": {"asset": transform.fit_on.key, "split": "train", "rows": trained}}, result.digest())


def _kinds(transform: Transform, table: str, connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    names = ", ".join(quote(name) for name in transform.required())
    schema = connection.sql(f"select {names} from {table} limit 0").to_arrow_table().schema
    return {one.name: kind_of(one.type) for one in schema}


def _fit(transform: Transform, block: str, engine: EncoderEngine[Any], encoder: Any, rows: Any) -> State:
    try:
        return engine.fit(encoder, rows)
    except EncodingError as error:
        raise EncodingError(
            f"{transform.key}, block {block}: {error.encoder}", error.column, error.problem, error.rows
        ) from error


def _column_table(fitted: FittedTransform) -> pl.DataFrame:
    rows: list[dict[str, str]] = []
    for block in fitted.blocks:
        rows += [_describe(block, column) for column in fitted.columns(block)]
    names: Iterable[str] = ("block", "column", "feature", "encoder", "fitted")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _describe(block: str, column: OutputColumn) -> dict[str, str]:
    return {
        "block": block,
        "column": f"{block}.{column.name}",
        "feature": column.feature,
        "encoder": column.encoder,
        "fitted": json.dumps(dict(column.detail), ensure_ascii=False),
    }
