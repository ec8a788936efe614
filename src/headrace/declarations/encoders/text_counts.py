"""TextCounts: the parameters that every encoder which counts terms shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import Accepts, Encoder, require_flag, require_integer
from headrace.errors import DeclarationError


@dataclass(frozen=True, init=False)
class TextCounts(Encoder):
    """Terms of a text: runs of two or more word characters (`\\b\\w\\w+\\b`, as scikit-learn), and their n-grams."""

    max_features: int | None
    min_df: int | float
    ngrams: tuple[int, int]
    lowercase: bool
    binary: bool

    accepts: ClassVar[Accepts] = "text"

    def _check_counts(self) -> None:
        """Refuse what cannot mean anything."""
        if self.max_features is not None:
            require_integer(self, "max_features", self.max_features, 1)
        if isinstance(self.min_df, float):
            if not 0.0 < self.min_df <= 1.0:
                problem = f"min_df as a share of the rows must be above 0 and at most 1, got {self.min_df!r}."
                raise DeclarationError(self.where, problem)
        else:
            require_integer(self, "min_df", self.min_df, 1)
        require_flag(self, "lowercase", self.lowercase)
        require_flag(self, "binary", self.binary)
        self._check_ngrams()

    def _check_ngrams(self) -> None:
        given: object = self.ngrams
        two_integers = isinstance(given, tuple) and len(given) == 2 and all(type(size) is int for size in given)
        if two_integers and 1 <= self.ngrams[0] <= self.ngrams[1]:
            return
        fix = "(1, 2) counts single words and pairs."
        raise DeclarationError(self.where, f"ngrams must be (shortest, longest) in words, got {given!r}.", fix=fix)
