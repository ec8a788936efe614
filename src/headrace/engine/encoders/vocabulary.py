"""The vocabulary of a text column: which terms training had, how often, and how rare they are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeAlias

import duckdb
import pyarrow as pa

from headrace.declarations.encoders.text_counts import TextCounts
from headrace.engine.encoders.base import column_types, quoted
from headrace.errors import EncodingError

Terms: TypeAlias = Callable[[str], list[str]]

_SCHEMA = pa.schema(
    [
        ("feature", pa.string()),
        ("term", pa.string()),
        ("index", pa.int32()),
        ("document_frequency", pa.int64()),
    ]
)


def fit_vocabulary(spec: TextCounts, split: Terms, rows: duckdb.DuckDBPyRelation, with_idf: bool) -> pa.Table:
    """The terms of every column, sorted within a column; indices run on from one column to the next."""
    parts: list[tuple[str, str, int, float]] = []
    for column, duck_type in column_types(spec.kind, spec.columns, rows).items():
        if duck_type not in ("varchar", "enum"):
            raise EncodingError(spec.kind, column, f"takes text, got {duck_type.upper()}.")
        # the same text is split once, however many rows have it
        counted = rows.aggregate(f"cast({quoted(column)} as varchar), count(*)", quoted(column)).fetchall()
        total = sum(count for _, count in counted)
        for term, frequency in _kept_terms(spec, column, split, counted, total):
            parts.append((column, term, frequency, log_idf(total, frequency)))
    features, terms, frequencies, idf = zip(*parts, strict=True)
    table = pa.table([features, terms, range(len(parts)), frequencies], schema=_SCHEMA)
    return table.append_column("idf", pa.array(idf, pa.float64())) if with_idf else table


def _kept_terms(
    spec: TextCounts, column: str, split: Terms, counted: Iterable[tuple[str | None, int]], total: int
) -> list[tuple[str, int]]:
    """Sorted terms with their document frequency, after min_df and max_features."""
    documents: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    for text, rows in counted:
        for term, times in Counter(split(text or "")).items():
            documents[term] += rows
            occurrences[term] += rows if spec.binary else rows * times
    least = spec.min_df * total if isinstance(spec.min_df, float) else spec.min_df
    terms = [term for term, frequency in documents.items() if frequency >= least]
    if not terms:
        problem = f"none of the {len(documents)} term(s) of {total} training row(s) is left; min_df is {spec.min_df}."
        raise EncodingError(spec.kind, column, problem)
    terms.sort(key=lambda term: (-occurrences[term], term))
    return [(term, documents[term]) for term in sorted(terms[: spec.max_features])]


def log_idf(rows: int, document_frequency: int) -> float:
    """The smooth inverse document frequency, `ln((1 + rows) / (1 + df)) + 1`, as scikit-learn.

    >>> log_idf(3, 3)
    1.0
    """
    return math.log((1 + rows) / (1 + document_frequency)) + 1.0
