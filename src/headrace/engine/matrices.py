"""Matrices: the rows of a training set encoded by a fitted transform, block by block."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.declarations.base import table_name
from headrace.declarations.matrix import Matrix
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.engine.blocks import blocks_digest, load_block, save_block
from headrace.engine.encoders.base import Block
from headrace.engine.fitting import STATE_FOLDER, FittedTransform, load_transform
from headrace.engine.session import MAIN_TABLE, parquet, write_parquet
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import EncodingError, ValidationError
from headrace.lineage.canonical import digest
from headrace.store.digests import quote, table_digest

BLOCK_FOLDER = "blocks"
_ORDER = "order.json"


@dataclass(frozen=True)
class LoadedMatrix:
    """A matrix in memory: `rows` (keys, timestamp, labels, split) beside `blocks`, in the same order."""

    rows: pa.Table
    blocks: dict[str, Block]


def compute_matrix(matrix: Matrix, bench: Workbench) -> Computed:
    """Encode every row of the training set; dense values must be finite."""
    fitted = load_transform(bench.folder(matrix.transform.key) / STATE_FOLDER)
    rows = read_rows(matrix.rows, fitted.required, bench)
    bench.progress(f"encoding {rows.num_rows} rows", None)
    blocks = encode_rows(matrix.key, fitted, rows)
    _check_finite(matrix, fitted, blocks)
    (bench.draft / BLOCK_FOLDER).mkdir()
    for name, block in blocks.items():
        save_block(bench.draft / BLOCK_FOLDER / f"{name}.arrow", block)
    (bench.draft / BLOCK_FOLDER / _ORDER).write_text(json.dumps(list(blocks)), encoding="utf-8")
    kept = [quote(name) for name in dict.fromkeys((*matrix.rows.spine_columns(), SPLIT_COLUMN))]
    write_parquet(bench.connection, f"select {', '.join(kept)} from {table_name(matrix.rows.key)}", bench.main_table)
    facts = {name: _describe(fitted, name, block) for name, block in blocks.items()}
    rows_digest = table_digest(bench.connection, parquet(bench.main_table))
    return Computed({"blocks": facts}, digest([rows_digest, blocks_digest(blocks)]))


def load_matrix(folder: Path) -> LoadedMatrix:
    """The matrix stored in a version's folder, its blocks in the order of the transform."""
    names = json.loads((folder / BLOCK_FOLDER / _ORDER).read_text(encoding="utf-8"))
    blocks = {name: load_block(folder / BLOCK_FOLDER / f"{name}.arrow") for name in names}
    return LoadedMatrix(pq.read_table(folder / MAIN_TABLE), blocks)


def read_rows(training_set: TrainingSet, columns: tuple[str, ...], bench: Workbench) -> pa.Table:
    """Columns of a training set's current table, in its order."""
    names = ", ".join(quote(name) for name in columns)
    return bench.connection.sql(f"select {names} from {table_name(training_set.key)}").to_arrow_table()


def encode_rows(asset: str, fitted: FittedTransform, rows: pa.Table) -> dict[str, Block]:
    """`fitted.encode`, naming the asset in whatever goes wrong."""
    try:
        return fitted.encode(rows)
    except EncodingError as error:
        raise EncodingError(f"{asset}: {error.encoder}", error.column, error.problem, error.rows) from error


def _check_finite(matrix: Matrix, fitted: FittedTransform, blocks: dict[str, Block]) -> None:
    failures: list[dict[str, object]] = []
    for name, block in blocks.items():
        if not isinstance(block, np.ndarray):
            continue
        broken = ~np.isfinite(block)
        for column in np.flatnonzero(broken.any(axis=0)):
            label = f"{name}.{fitted.columns(name)[column].name}"
            failures.append({"column": label, "check": "is not finite", "count": int(broken[:, column].sum())})
    if failures:
        raise ValidationError(matrix.key, failures, "Mend the data or the encoder. Nothing was published.")


def _describe(fitted: FittedTransform, name: str, block: Block) -> dict[str, Any]:
    dense = isinstance(block, np.ndarray)
    stored = int(np.count_nonzero(block)) if isinstance(block, np.ndarray) else int(block.nnz)
    cells = int(np.prod(block.shape))
    return {
        "kind": "dense" if dense else "sparse",
        "columns": int(block.shape[1]),
        "features": sorted({column.feature for column in fitted.columns(name)}),
        "filled": round(stored / cells, 4) if cells else 0.0,
    }
