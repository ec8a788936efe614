"""BagOfWords: how often each term of the vocabulary occurs in a text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.sparse

from headrace.declarations.encoders.bag_of_words import BagOfWords
from headrace.engine.encoders.base import State
from headrace.engine.encoders.text_counts import TextCountsEngine


class BagOfWordsEngine(TextCountsEngine[BagOfWords]):
    """Equal to scikit-learn's CountVectorizer; a count weighs itself."""

    kind = "bag_of_words"

    def weigh(self, state: State, counts: scipy.sparse.csr_matrix, idf: npt.NDArray[np.float64]) -> None:
        """Counts stay as they are."""

    def row_weigher(self, state: State) -> Callable[[list[int], list[float]], list[float]]:
        return lambda counts, idf: [float(count) for count in counts]
