"""Impute: numbers with their missing values filled."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.declarations.encoders.base import JSON
from headrace.declarations.encoders.impute import Impute
from headrace.engine.encoders.base import EncoderEngine, OutputColumn, RowEncoder, State
from headrace.engine.encoders.exact import mean_and_scale
from headrace.engine.encoders.numeric import (
    FLOAT32_EDGE,
    Floats,
    Linear,
    apply_linear,
    fit_columns,
    linear_row_encoder,
    nothing_to_fit,
)
from headrace.errors import EncodingError


class ImputeEngine(EncoderEngine[Impute]):
    """Equal to scikit-learn's SimpleImputer; flags are given for every column, with gaps in training or not."""

    kind = "impute"

    def fit(self, spec: Impute, rows: duckdb.DuckDBPyRelation) -> State:
        present = fit_columns(self.kind, spec.columns, rows)
        fills = [_fill(spec, column, values) for column, values in present.items()]
        values: dict[str, JSON] = {"fill": fills, "strategy": spec.strategy, "missing_flag": spec.missing_flag}
        return State(self.kind, self.version, spec.columns, values)

    def columns(self, state: State) -> list[OutputColumn]:
        found = []
        for column, fill in zip(state.columns, state.numbers("fill"), strict=True):
            found.append(OutputColumn(column, column, self.kind, {"strategy": state.text("strategy"), "fill": fill}))
            if state.flag("missing_flag"):
                found.append(OutputColumn(f"{column}:missing", column, self.kind, {}))
        return found

    def apply(self, state: State, rows: pa.Table) -> npt.NDArray[np.float32]:
        return apply_linear(state, _plan(state), state.flag("missing_flag"), rows)

    def row_encoder(self, state: State) -> RowEncoder:
        return linear_row_encoder(state, _plan(state), state.flag("missing_flag"))


def _plan(state: State) -> list[Linear]:
    return [Linear(0.0, 1.0, fill) for fill in state.numbers("fill")]


def _fill(spec: Impute, column: str, present: Floats) -> float:
    """What stands for a missing value."""
    if len(present) and np.abs(present).max() >= FLOAT32_EDGE:
        raise EncodingError(spec.kind, column, "the training rows have numbers that float32 cannot hold. Clip them.")
    if spec.value is not None:
        return float(spec.value)
    if not len(present):
        raise nothing_to_fit(spec.kind, column)
    if spec.strategy == "mean":
        return mean_and_scale(present)[0]
    if spec.strategy == "median":
        return float(np.median(present)) + 0.0
    levels, counts = np.unique(present, return_counts=True)
    return float(levels[np.argmax(counts)]) + 0.0
