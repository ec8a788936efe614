"""Blocks of a matrix on disk: Arrow IPC, memory-mapped; dense as fixed-size lists, sparse as CSR."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from headrace.engine.encoders.base import Block
from headrace.errors import CorruptObject

Array = npt.NDArray[np.float32]


def save_block(path: Path, block: Block) -> None:
    """Write a block as one record batch, so that it can be mapped back as one array."""
    table = _dense_table(block) if isinstance(block, np.ndarray) else _sparse_table(block)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def load_block(path: Path) -> Block:
    """The block at `path`, without copying dense values; raises CorruptObject when it cannot be read."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise CorruptObject(f"{path} cannot be read as a block: {error}.") from error
    shape = tuple(int(size) for size in table.schema.metadata[b"shape"].split(b","))
    if "values" in table.column_names and table.num_columns == 1:
        return _whole(table, "values").flatten().to_numpy(zero_copy_only=True).reshape(shape)
    values, indices = _whole(table, "value"), _whole(table, "index")
    parts = (values.flatten().to_numpy(), indices.flatten().to_numpy(), values.offsets.to_numpy())
    return scipy.sparse.csr_matrix(parts, shape=shape)


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _dense_table(block: Array) -> pa.Table:
    width = block.shape[1]
    flat = pa.array(np.ascontiguousarray(block, dtype=np.float32).reshape(-1))
    values = pa.FixedSizeListArray.from_arrays(flat, width) if width else pa.array([], pa.list_(pa.float32(), 0))
    return _with_shape(pa.table({"values": values}), block.shape)


def _sparse_table(block: scipy.sparse.csr_matrix) -> pa.Table:
    offsets = pa.array(block.indptr.astype(np.int32))
    index = pa.ListArray.from_arrays(offsets, pa.array(block.indices.astype(np.int32)))
    value = pa.ListArray.from_arrays(offsets, pa.array(block.data.astype(np.float32)))
    return _with_shape(pa.table({"index": index, "value": value}), block.shape)


def _with_shape(table: pa.Table, shape: Sequence[int]) -> pa.Table:
    return table.replace_schema_metadata({"shape": ",".join(map(str, shape))})


def blocks_digest(blocks: Mapping[str, Block]) -> str:
    """A hash of every value of every block, in order of rows."""
    content = hashlib.blake2b(digest_size=16)
    for name, block in blocks.items():
        content.update(f"{name} {block.shape}".encode())
        arrays = [block] if isinstance(block, np.ndarray) else [block.indptr, block.indices, block.data]
        for array in arrays:
            content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()


def stack(blocks: Mapping[str, Block], *, sparse: bool) -> npt.NDArray[np.float64] | scipy.sparse.csr_matrix:
    """Blocks side by side as float64: estimators then agree between one row and many to far below float32.

    Args:
        sparse: keep a CSR matrix if any block is sparse; otherwise the result is dense.
    """
    parts = list(blocks.values())
    if sparse and any(not isinstance(part, np.ndarray) for part in parts):
        return scipy.sparse.hstack(parts, format="csr", dtype=np.float64)
    dense = [part if isinstance(part, np.ndarray) else part.toarray() for part in parts]
    return np.hstack(dense).astype(np.float64)
