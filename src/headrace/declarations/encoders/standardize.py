"""Standardize: numbers with mean 0 and standard deviation 1 on the training split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import Accepts, Encoder, require_flag, require_flag_names


@dataclass(frozen=True, init=False)
class Standardize(Encoder):
    """`(x - mean) / std`, with the population standard deviation; a constant column has std 1.

    Args:
        columns: booleans, integers, decimals or floats. Text is refused, even if it looks like numbers.
        missing_flag: also a column `<column>:missing`, 1.0 where the value was missing.

    Gives one float32 column a column, two with `missing_flag`. Null and NaN become 0.0, the mean. Infinity is an error.

    >>> Standardize("orders", "spend").columns
    ('orders', 'spend')
    >>> Standardize("orders", "orders")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Standardize: columns repeats orders. Name each once.
    """

    missing_flag: bool

    kind: ClassVar[str] = "standardize"
    accepts: ClassVar[Accepts] = "number"

    def __init__(self, *columns: str, missing_flag: bool = False) -> None:
        self._declare(columns, missing_flag=missing_flag)
        require_flag(self, "missing_flag", missing_flag)
        if missing_flag:
            require_flag_names(self)
