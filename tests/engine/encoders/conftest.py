"""Helpers of the encoder tests: fit on an Arrow table, and compare the two ways to apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

from headrace.declarations.encoders import Encoder
from headrace.engine.encoders import engine_for
from headrace.engine.encoders.base import State, apply_rows


@pytest.fixture(scope="session")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def fit(con: duckdb.DuckDBPyConnection) -> Callable[[Encoder, pa.Table], State]:
    return lambda spec, rows: engine_for(spec.kind).fit(spec, con.from_arrow(rows))


@pytest.fixture(scope="session")
def encode() -> Callable[[State, pa.Table], np.ndarray]:
    """Encodes in bulk, demands the very same bits of the one-row path, and gives a dense array."""

    def both(state: State, rows: pa.Table) -> np.ndarray:
        engine = engine_for(state.kind)
        bulk: Any = engine.apply(state, rows)
        single: Any = apply_rows(engine, state, rows.to_pylist())
        assert bulk.dtype == single.dtype == np.float32
        assert bulk.shape == single.shape == (rows.num_rows, len(engine.columns(state)))
        assert scipy.sparse.issparse(bulk) == engine.sparse(state)
        if engine.sparse(state):
            assert bulk.has_sorted_indices
            assert (bulk.indptr == single.indptr).all()
            assert (bulk.indices == single.indices).all()
            assert bulk.data.tobytes() == single.data.tobytes()
            return bulk.toarray()
        assert bulk.flags.c_contiguous
        assert bulk.tobytes() == single.tobytes()
        return bulk

    return both


@pytest.fixture(scope="session")
def names() -> Callable[[State], list[str]]:
    return lambda state: [column.name for column in engine_for(state.kind).columns(state)]
