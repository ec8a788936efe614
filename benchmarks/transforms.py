"""Transforms: ten numbers standardised and five categories one-hot encoded, in bulk and one row at a time.

In bulk both sides begin at the same Parquet file, reading included, and both applies end in one float32 array.
scikit-learn is given a polars frame, and for one row a frame made of it, since its column names need one. Its steps
are those that give the same numbers: standardise what is present, then what is missing is the mean, 0.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.measure import OURS, Case, interleave
from headrace.declarations.encoders import OneHot, Standardize
from headrace.engine.encoders import engine_for
from headrace.engine.fitting import FittedTransform
from headrace.engine.session import connect

PEER = "scikit-learn ColumnTransformer"
NUMBERS = [f"x{number}" for number in range(10)]
CATEGORIES = [f"c{number}" for number in range(5)]
LEVELS = (4, 8, 8, 12, 16)
TOLERANCE = 1e-6
ENCODERS = {"numbers": Standardize(*NUMBERS), "categories": OneHot(*CATEGORIES)}


def run(quick: bool = False) -> list[Case]:
    size = 2_000 if quick else 500_000
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        path = Path(folder) / "rows.parquet"
        rows(size).write_parquet(path)
        connection.execute(f"create view rows as select * from read_parquet('{path}')")
        fit, ours, theirs = _fit_case(connection, path, size)
        return [fit, _apply_case(connection, path, ours, theirs), _one_row_case(path, ours, theirs, quick)]


def rows(size: int) -> pl.DataFrame:
    """Numbers of several scales, 5 % of them null, and categories without nulls."""
    random = np.random.default_rng(4)
    columns = {}
    for number, name in enumerate(NUMBERS):
        values = pl.Series(random.normal(number, 10.0 ** (number - 4), size))
        columns[name] = values.set(pl.Series(random.random(size) < 0.05), None)
    for name, levels in zip(CATEGORIES, LEVELS, strict=True):
        names = pl.Series([f"level {level}" for level in range(levels)])
        columns[name] = names.gather(random.integers(0, levels, size))
    return pl.DataFrame(columns)


def _fit_case(
    connection: duckdb.DuckDBPyConnection, path: Path, size: int
) -> tuple[Case, FittedTransform, ColumnTransformer]:
    contestants: dict[str, Callable[[], Any]] = {
        OURS: lambda: _fit(connection),
        PEER: lambda: peer().fit(pl.read_parquet(path)),
    }
    timings, fitted = interleave(contestants)
    ours, theirs = fitted[OURS], fitted[PEER]
    scaler = theirs.named_transformers_["numbers"][0]
    state = ours.blocks["numbers"][1]
    np.testing.assert_allclose(state.numbers("mean"), scaler.mean_, rtol=TOLERANCE)
    np.testing.assert_allclose(state.numbers("scale"), scaler.scale_, rtol=TOLERANCE)
    compared = f"means and deviations equal to {TOLERANCE:g}"
    return Case(f"fit, {size:,} rows of 15 columns", timings, compared), ours, theirs


def _fit(connection: duckdb.DuckDBPyConnection) -> FittedTransform:
    blocks = {}
    for name, encoder in ENCODERS.items():
        engine = engine_for(encoder.kind)
        relation = connection.sql(f"select {', '.join(encoder.columns)} from rows")
        blocks[name] = (engine, engine.fit(encoder, relation))
    return FittedTransform(blocks)


def peer() -> ColumnTransformer:
    numbers = make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0.0))
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)])


def _apply_case(
    connection: duckdb.DuckDBPyConnection, path: Path, ours: FittedTransform, theirs: ColumnTransformer
) -> Case:
    contestants: dict[str, Callable[[], Any]] = {
        OURS: lambda: np.hstack(list(ours.encode(connection.sql("from rows").to_arrow_table()).values())),
        PEER: lambda: theirs.transform(pl.read_parquet(path)).astype(np.float32),
    }
    timings, results = interleave(contestants)
    _require_equal(results[OURS], results[PEER])
    size, width = results[OURS].shape
    return Case(f"apply, {size:,} rows to {width} columns", timings, f"every value equal to {TOLERANCE:g}")


def _one_row_case(path: Path, ours: FittedTransform, theirs: ColumnTransformer, quick: bool) -> Case:
    row = pl.read_parquet(path, n_rows=1)
    given, schema = row.to_dicts()[0], row.schema
    encoders = list(ours.row_encoders().values())

    def encode() -> list[float]:
        return [value for one in encoders for value in one(given)]

    contestants: dict[str, Callable[[], Any]] = {
        OURS: encode,
        PEER: lambda: theirs.transform(pl.DataFrame([given], schema=schema)),
    }
    repeats = {OURS: 100, PEER: 5} if quick else {OURS: 50_000, PEER: 300}
    timings, results = interleave(contestants, repeats=repeats)
    _require_equal(np.array([results[OURS]], np.float32), results[PEER])
    bulk = np.hstack(list(ours.encode(pa.table(row.to_arrow())).values()))
    assert np.array_equal(np.array([results[OURS]], np.float32), bulk)
    compared = f"every value equal to {TOLERANCE:g}; ours equal bit for bit to our bulk path"
    return Case(f"one row, a mapping of 15 values to {bulk.shape[1]} numbers", timings, compared)


def _require_equal(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)
