"""TfIdf: terms weighted by how rare they are among the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import require_flag
from headrace.declarations.encoders.text_counts import TextCounts


@dataclass(frozen=True, init=False)
class TfIdf(TextCounts):
    """Term counts times `ln((1 + rows) / (1 + df)) + 1`, rows scaled to length 1, as scikit-learn's TfidfVectorizer.

    Args:
        columns: text; each column has a vocabulary of its own and is scaled by itself, side by side.
        max_features: keep this many terms, the most frequent in training; the first in the alphabet on a tie.
        min_df: keep terms of at least this many training rows (an integer) or this share of them (a float).
        ngrams: shortest and longest run of words that counts as a term.
        lowercase: fold case first.
        binary: count a term once a row.
        sublinear: use `1 + ln(count)` for the count.

    Gives a sparse float32 block, one column a term. Null, "" and a text without a known term are an all-zero row.

    >>> TfIdf("title", max_features=2000).max_features
    2000
    >>> TfIdf("title", ngrams=(2, 1))
    Traceback (most recent call last):
    headrace.errors.DeclarationError: TfIdf('title'): ngrams must be (shortest, longest) in words, got (2, 1). ...
    """

    sublinear: bool

    kind: ClassVar[str] = "tf_idf"

    def __init__(
        self,
        *columns: str,
        max_features: int | None = None,
        min_df: int | float = 1,
        ngrams: tuple[int, int] = (1, 1),
        lowercase: bool = True,
        binary: bool = False,
        sublinear: bool = False,
    ) -> None:
        self._declare(
            columns,
            max_features=max_features,
            min_df=min_df,
            ngrams=ngrams,
            lowercase=lowercase,
            binary=binary,
            sublinear=sublinear,
        )
        self._check_counts()
        require_flag(self, "sublinear", sublinear)
