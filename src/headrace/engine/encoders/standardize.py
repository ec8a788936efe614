"""Standardize: numbers with mean 0 and standard deviation 1 on the training split."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.declarations.encoders.base import JSON
from headrace.declarations.encoders.standardize import Standardize
from headrace.engine.encoders.base import EncoderEngine, OutputColumn, RowEncoder, State
from headrace.engine.encoders.exact import mean_and_scale
from headrace.engine.encoders.numeric import Linear, apply_linear, fit_columns, linear_row_encoder, nothing_to_fit


class StandardizeEngine(EncoderEngine[Standardize]):
    """Equal to scikit-learn's StandardScaler; what is missing becomes the mean."""

    kind = "standardize"

    def fit(self, spec: Standardize, rows: duckdb.DuckDBPyRelation) -> State:
        means, scales = [], []
        for column, present in fit_columns(self.kind, spec.columns, rows).items():
            if not len(present):
                raise nothing_to_fit(self.kind, column)
            mean, scale = mean_and_scale(present)
            means.append(mean)
            scales.append(scale)
        values: dict[str, JSON] = {"mean": means, "scale": scales, "missing_flag": spec.missing_flag}
        return State(self.kind, self.version, spec.columns, values)

    def columns(self, state: State) -> list[OutputColumn]:
        found = []
        for column, mean, scale in zip(state.columns, state.numbers("mean"), state.numbers("scale"), strict=True):
            found.append(OutputColumn(column, column, self.kind, {"mean": mean, "std": scale}))
            if state.flag("missing_flag"):
                found.append(OutputColumn(f"{column}:missing", column, self.kind, {}))
        return found

    def apply(self, state: State, rows: pa.Table) -> npt.NDArray[np.float32]:
        return apply_linear(state, _plan(state), state.flag("missing_flag"), rows)

    def row_encoder(self, state: State) -> RowEncoder:
        return linear_row_encoder(state, _plan(state), state.flag("missing_flag"))


def _plan(state: State) -> list[Linear]:
    pairs = zip(state.numbers("mean"), state.numbers("scale"), strict=True)
    return [Linear(mean, scale, 0.0) for mean, scale in pairs]
