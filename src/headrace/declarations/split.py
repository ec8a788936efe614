"""How a training set is split: by time, by groups, or by a given column."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headrace.declarations.duration import parse_duration
from headrace.errors import DeclarationError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class TimeSplit:
    """The latest rows are for testing, those before them for validation, the rest for training.

    `validation` and `test` are durations counted back from the last row ("14d"), or the instants at which these
    splits begin ("2013-10-01", ISO 8601, UTC). None leaves a split empty.

    >>> TimeSplit(test="next week")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: TimeSplit: test='next week' is neither a duration such as '14d' nor an ISO date.
    """

    validation: str | None = None
    test: str | None = None

    def __post_init__(self) -> None:
        if self.validation is None and self.test is None:
            raise DeclarationError("TimeSplit", "splits nothing off.", fix='Say test="14d", for example.')
        for name in ("validation", "test"):
            self.boundary(name)

    def boundary(self, split: str) -> timedelta | datetime | None:
        """The length of `split`, or the instant at which it begins."""
        text = getattr(self, split)
        if text is None:
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
        try:
            return parse_duration(text, "TimeSplit")
        except DeclarationError:
            problem = f"{split}={text!r} is neither a duration such as '14d' nor an ISO date."
            raise DeclarationError("TimeSplit", problem) from None

    def data(self) -> dict[str, Any]:
        return {"by": "time", "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class GroupSplit:
    """Rows with the same value of `by` go to the same split, chosen by a seeded hash of that value.

    `validation` and `test` are shares of the groups, between 0 and 1.
    """

    by: str
    validation: float = 0.0
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or not 0 < self.validation + self.test < 1:
            fix = "Give shares of at least 0 that leave some rows to train on."
            raise DeclarationError("GroupSplit", f"cannot split {self.validation} and {self.test} off.", fix=fix)

    def data(self) -> dict[str, Any]:
        return {"by": self.by, "validation": self.validation, "test": self.test, "seed": self.seed}


@dataclass(frozen=True)
class ColumnSplit:
    """A column of the spine says `train`, `validation` or `test` for each row."""

    column: str

    def data(self) -> dict[str, Any]:
        return {"by": "column", "column": self.column}


Split = TimeSplit | GroupSplit | ColumnSplit
