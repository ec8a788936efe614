"""OneHot: a column of zeros and ones for each level of a category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import Accepts, Encoder, require_choice, require_flag, require_integer

UNSEEN = ("zero", "error", "other")


@dataclass(frozen=True, init=False)
class OneHot(Encoder):
    """One column a level, 1.0 where the row has that level: levels in order, then `null`, then `other`.

    Args:
        columns: text, integers (up to 64 bits) or booleans. A column keeps its type: "1" is not 1, 1 is not true.
        max_categories: keep this many levels, the most frequent; the first in level order on a tie.
        min_count: keep levels with at least this many training rows.
        unseen: a level that training did not have is all zeros ("zero"), an error, or `other`.
        sparse: give a CSR block instead of a dense one.

    Null is a level when training has it, otherwise unseen. Levels that are not kept share `other`, which exists
    only if there are any, or if `unseen="other"`.

    >>> OneHot("category", max_categories=50).kind
    'one_hot'
    >>> OneHot("category", unseen="ignore")
    Traceback (most recent call last):
    headrace.errors.UnknownName: OneHot('category'): unknown unseen 'ignore'. Known: error, other, zero.
    """

    max_categories: int | None
    min_count: int
    unseen: str
    sparse: bool

    kind: ClassVar[str] = "one_hot"
    accepts: ClassVar[Accepts] = "category"

    def __init__(
        self,
        *columns: str,
        max_categories: int | None = None,
        min_count: int = 1,
        unseen: str = "zero",
        sparse: bool = False,
    ) -> None:
        self._declare(columns, max_categories=max_categories, min_count=min_count, unseen=unseen, sparse=sparse)
        if max_categories is not None:
            require_integer(self, "max_categories", max_categories, 1)
        require_integer(self, "min_count", min_count, 1)
        require_choice(self, "unseen", unseen, UNSEEN)
        require_flag(self, "sparse", sparse)
