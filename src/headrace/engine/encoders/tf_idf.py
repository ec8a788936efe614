"""TfIdf: terms weighted by how rare they are among the training rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.sparse

from headrace.declarations.encoders.tf_idf import TfIdf
from headrace.engine.encoders.base import State
from headrace.engine.encoders.text_counts import TextCountsEngine


class TfIdfEngine(TextCountsEngine[TfIdf]):
    """Equal to scikit-learn's TfidfVectorizer with its defaults: smooth idf, rows of length 1."""

    kind = "tf_idf"
    has_idf = True

    def weigh(self, state: State, counts: scipy.sparse.csr_matrix, idf: npt.NDArray[np.float64]) -> None:
        weights = counts.data
        if state.flag("sublinear"):
            # math.log for both paths: NumPy's vectorised log can differ in the last bit
            times, places = np.unique(weights, return_inverse=True)
            weights = np.array([1.0 + math.log(count) for count in times])[places]
        weights = weights * idf[counts.indices]
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        # bincount adds one term after the other, as the row's loop does
        squares = np.bincount(rows, weights=weights * weights, minlength=counts.shape[0])
        counts.data[:] = weights / np.sqrt(squares)[rows]

    def row_weigher(self, state: State) -> Callable[[list[int], list[float]], list[float]]:
        sublinear = state.flag("sublinear")

        def weigh(counts: list[int], idf: list[float]) -> list[float]:
            if sublinear:
                weights = [(1.0 + math.log(count)) * rarity for count, rarity in zip(counts, idf, strict=True)]
            else:
                weights = [count * rarity for count, rarity in zip(counts, idf, strict=True)]
            squares = 0.0
            for weight in weights:
                squares += weight * weight
            length = math.sqrt(squares)
            return [weight / length for weight in weights]

        return weigh
