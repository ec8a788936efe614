"""What the encoders that count terms share: the words of a text, the vocabulary, counts in bulk and for one row."""

from __future__ import annotations

import re
import unicodedata
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from headrace.declarations.encoders.text_counts import TextCounts
from headrace.engine.encoders.base import (
    EncoderEngine,
    OutputColumn,
    RowEncoder,
    SparseRow,
    State,
    absent_in_row,
    distinct,
    table_column,
)
from headrace.engine.encoders.vocabulary import Terms, fit_vocabulary
from headrace.errors import EncodingError

TextSpec = TypeVar("TextSpec", bound=TextCounts)

_WORDS = re.compile(r"(?u)\b\w\w+\b")


def term_splitter(lowercase: bool, shortest: int, longest: int) -> Terms:
    """A function from a text to its terms, as scikit-learn's default analyser.

    >>> term_splitter(True, 1, 2)("The red, red rose")
    ['the', 'red', 'red', 'rose', 'the red', 'red red', 'red rose']
    """
    words = _WORDS.findall
    if shortest == longest == 1:
        return (lambda text: words(text.lower())) if lowercase else words

    def split(text: str) -> list[str]:
        found = words(text.lower() if lowercase else text)
        terms = list(found) if shortest == 1 else []
        for size in range(max(shortest, 2), longest + 1):
            terms += [" ".join(found[start : start + size]) for start in range(len(found) - size + 1)]
        return terms

    return split


class TextCountsEngine(EncoderEngine[TextSpec], Generic[TextSpec]):
    """Counts terms; a subclass says what a count weighs, in bulk and for one row.

    The state's table `vocabulary` has one row a term: feature, term, index (the output column), document_frequency,
    and idf where it is used.
    """

    has_idf: ClassVar[bool] = False

    @abstractmethod
    def weigh(self, state: State, counts: scipy.sparse.csr_matrix, idf: npt.NDArray[np.float64]) -> None:
        """Replace the float64 counts of one column's terms by their weights, in place."""

    @abstractmethod
    def row_weigher(self, state: State) -> Callable[[list[int], list[float]], list[float]]:
        """The same for one row: a function from counts and the idf of their terms to weights."""

    def sparse(self, state: State) -> bool:
        return True

    def libraries(self) -> dict[str, str]:
        # lower() and \w follow the Unicode tables that Python was built with
        return {"unicode": unicodedata.unidata_version}

    def fit(self, spec: TextSpec, rows: duckdb.DuckDBPyRelation) -> State:
        table = fit_vocabulary(spec, term_splitter(spec.lowercase, *spec.ngrams), rows, self.has_idf)
        values = {**spec.parameters(), "libraries": self.libraries()}
        return State(self.kind, self.version, spec.columns, values, {"vocabulary": table})

    def columns(self, state: State) -> list[OutputColumn]:
        detail = ("document_frequency", "idf") if self.has_idf else ("document_frequency",)
        return [
            OutputColumn(
                f"{item['feature']}:{item['term']}", item["feature"], self.kind, {key: item[key] for key in detail}
            )
            for item in state.tables["vocabulary"].to_pylist()
        ]

    def apply(self, state: State, rows: pa.Table) -> scipy.sparse.csr_matrix:
        blocks = [self._encode_column(state, column, rows) for column in state.columns]
        return blocks[0] if len(blocks) == 1 else scipy.sparse.hstack(blocks, format="csr")

    def _encode_column(self, state: State, column: str, rows: pa.Table) -> scipy.sparse.csr_matrix:
        """Each distinct text is encoded once; the row after the last one stands for null."""
        vocabulary = _vocabulary(state, column)
        texts, positions = _texts(state.kind, column, rows)
        places = {term: place for place, term in enumerate(vocabulary["term"].to_pylist())}
        counts = _counts(_splitter(state), places, texts.to_pylist())
        if state.flag("binary"):
            counts.data[:] = 1.0
        idf = vocabulary["idf"].to_numpy() if self.has_idf else np.empty(0)
        self.weigh(state, counts, idf)
        encoded = counts.astype(np.float32)
        if np.array_equal(positions, np.arange(len(texts))):
            return encoded[: len(texts)]
        return encoded[np.where(positions < 0, len(texts), positions)]

    def row_encoder(self, state: State) -> RowEncoder:
        split, weigh, binary = _splitter(state), self.row_weigher(state), state.flag("binary")
        lookups = [(column, self._lookup(state, column)) for column in state.columns]

        def encode(row: Mapping[str, object]) -> SparseRow:
            indices: list[int] = []
            weights: list[float] = []
            try:
                for column, lookup in lookups:
                    text = row[column]
                    if type(text) is not str:
                        text = _plain_text(state.kind, column, text)
                    counts = Counter(found for term in split(text) if (found := lookup.get(term)))
                    # the index leads each pair, and is unique, so this sorts by index
                    ordered = sorted(counts)
                    indices += [pair[0] for pair in ordered]
                    idf = [pair[1] for pair in ordered]
                    weights += weigh([1] * len(ordered) if binary else [counts[pair] for pair in ordered], idf)
            except KeyError:
                raise absent_in_row(state, row) from None
            return indices, weights

        return encode

    def _lookup(self, state: State, column: str) -> dict[str, tuple[int, float]]:
        """Term to its output column and idf."""
        vocabulary = _vocabulary(state, column)
        idf = vocabulary["idf"].to_pylist() if self.has_idf else [1.0] * len(vocabulary)
        pairs = zip(vocabulary["index"].to_pylist(), idf, strict=True)
        return dict(zip(vocabulary["term"].to_pylist(), pairs, strict=True))


def _splitter(state: State) -> Terms:
    shortest, longest = state.numbers("ngrams")
    return term_splitter(state.flag("lowercase"), int(shortest), int(longest))


def _vocabulary(state: State, column: str) -> pa.Table:
    table = state.tables["vocabulary"]
    mask = np.array([feature == column for feature in table["feature"].to_pylist()])
    return table.filter(pa.array(mask))


def _texts(kind: str, column: str, rows: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    found = table_column(kind, rows, column)
    if not (
        pa.types.is_string(found.type)
        or pa.types.is_large_string(found.type)
        or pa.types.is_string_view(found.type)
        or pa.types.is_null(found.type)
    ):
        raise EncodingError(kind, column, f"takes text, got {found.type}.")
    return distinct(found, pa.large_string())


def _counts(split: Terms, places: dict[str, int], texts: list[str]) -> scipy.sparse.csr_matrix:
    """Term counts as float64, one row a text and an empty one after them; indices sorted."""
    indices: list[int] = []
    ends = [0]
    find = places.get
    for text in texts:
        indices += [place for place in map(find, split(text)) if place is not None]
        ends.append(len(indices))
    ends.append(len(indices))
    counts = scipy.sparse.csr_matrix(
        (np.ones(len(indices)), np.array(indices, dtype=np.int32), np.array(ends, dtype=np.int64)),
        shape=(len(texts) + 1, len(places)),
    )
    counts.sum_duplicates()
    return counts


def _plain_text(kind: str, column: str, value: Any) -> str:
    """A missing text as "", which has no term either; anything but text is refused."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    raise EncodingError(kind, column, f"takes text, got {value!r} ({type(value).__name__}).")
