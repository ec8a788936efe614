"""BagOfWords: how often each term of the vocabulary occurs in a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.text_counts import TextCounts


@dataclass(frozen=True, init=False)
class BagOfWords(TextCounts):
    """Term counts, as scikit-learn's CountVectorizer: a sparse float32 block, one column a term.

    Args:
        columns: text; each column has a vocabulary of its own, side by side.
        max_features: keep this many terms, the most frequent in training; the first in the alphabet on a tie.
        min_df: keep terms of at least this many training rows (an integer) or this share of them (a float).
        ngrams: shortest and longest run of words that counts as a term.
        lowercase: fold case first.
        binary: 1.0 for a term that occurs, however often.

    Null, "" and a text without a known term are an all-zero row.

    >>> BagOfWords("title", ngrams=(1, 2)).ngrams
    (1, 2)
    >>> BagOfWords("title", min_df=0)
    Traceback (most recent call last):
    headrace.errors.DeclarationError: BagOfWords('title'): min_df must be an integer of at least 1, got 0.
    """

    kind: ClassVar[str] = "bag_of_words"

    def __init__(
        self,
        *columns: str,
        max_features: int | None = None,
        min_df: int | float = 1,
        ngrams: tuple[int, int] = (1, 1),
        lowercase: bool = True,
        binary: bool = False,
    ) -> None:
        self._declare(
            columns, max_features=max_features, min_df=min_df, ngrams=ngrams, lowercase=lowercase, binary=binary
        )
        self._check_counts()
