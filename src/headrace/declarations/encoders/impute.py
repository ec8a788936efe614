"""Impute: numbers with their missing values filled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import Accepts, Encoder, require_choice, require_flag, require_flag_names
from headrace.errors import DeclarationError

STRATEGIES = ("mean", "median", "most_frequent", "constant")


@dataclass(frozen=True, init=False)
class Impute(Encoder):
    """Numbers as they are; null and NaN become a value learnt from the training split.

    Args:
        columns: booleans, integers, decimals or floats. Text is refused, even if it looks like numbers.
        strategy: "mean", "median", "most_frequent" (the least one on a tie) or "constant".
        value: the constant; only with strategy "constant".
        missing_flag: also a column `<column>:missing`, 1.0 where the value was missing.

    Gives one float32 column a column, two with `missing_flag`. Infinity, and what float32 cannot hold, is an error.

    >>> Impute("age", strategy="median")
    Impute(columns=('age',), strategy='median', value=None, missing_flag=False)
    >>> Impute("age", strategy="constant")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Impute('age'): strategy 'constant' needs a finite number as value, got None.
    """

    strategy: str
    value: float | None
    missing_flag: bool

    kind: ClassVar[str] = "impute"
    accepts: ClassVar[Accepts] = "number"

    def __init__(
        self, *columns: str, strategy: str = "mean", value: float | None = None, missing_flag: bool = False
    ) -> None:
        self._declare(columns, strategy=strategy, value=value, missing_flag=missing_flag)
        require_choice(self, "strategy", strategy, STRATEGIES)
        require_flag(self, "missing_flag", missing_flag)
        if missing_flag:
            require_flag_names(self)
        if strategy != "constant" and value is not None:
            raise DeclarationError(self.where, f"strategy {strategy!r} takes no value.", fix="Use strategy='constant'.")
        if strategy == "constant" and not _is_finite(value):
            raise DeclarationError(self.where, f"strategy 'constant' needs a finite number as value, got {value!r}.")


def _is_finite(value: object) -> bool:
    """Whether it is a number that float32 can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.fabs(value) < 3.4e38
