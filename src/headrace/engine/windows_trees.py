"""Trees over an array, by which any stretch of it is aggregated in a few steps, and exactly of that stretch alone.

Level k of a tree holds the aggregate of each 2**k neighbours, so a stretch is made of at most two blocks of each level.
What lies outside a stretch has no part in its result: unlike with running totals, no digit is lost to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.engine.parts import in_parts
from headrace.engine.point_in_time_timeline import Ints

Array = npt.NDArray[Any]
Operation = Callable[[Array, Array], Array]


@dataclass
class Tree:
    """Aggregates of stretches by an operation whose grouping does not matter, such as a sum or a minimum.

    Args:
        neutral: what changes nothing, and the aggregate of nothing.
    """

    values: Array
    operation: Operation
    neutral: Any
    levels: list[Array] = field(default_factory=list)

    def of(self, low: Ints, high: Ints) -> Array:
        """The aggregate of the values from each `low` up to, and without, each `high`.

        >>> Tree(np.array([3, 1, 4, 1, 5]), np.add, 0).of(np.array([0, 1, 2]), np.array([5, 3, 2])).tolist()
        [14, 5, 0]
        """
        self._grow(int((high - low).max()) if len(low) else 0)
        found = np.full(len(low), self.neutral, dtype=self.values.dtype)
        if len(self.values):
            in_parts(len(low), lambda part: self._fill(found, low, high, part))
        return found

    def _grow(self, longest: int) -> None:
        """Add levels until two blocks of the last may cover the longest stretch."""
        if not self.levels:
            self.levels.append(self.values)
        while longest >> len(self.levels) and len(self.levels[-1]) > 1:
            below = self.levels[-1]
            if len(below) % 2:
                below = np.append(below, np.array([self.neutral], dtype=below.dtype))
            self.levels.append(self.operation(below[0::2], below[1::2]))

    def _fill(self, found: Array, lows: Ints, highs: Ints, part: slice) -> None:
        low, high = lows[part].copy(), highs[part].copy()
        left, right = found[part], np.full(len(low), self.neutral, dtype=found.dtype)
        for number, level in enumerate(self.levels):
            last = number == len(self.levels) - 1
            while True:
                open_ = low < high
                if not open_.any():
                    break
                first = open_ if last else open_ & ((low & 1) == 1)
                left[:] = np.where(first, self.operation(left, level.take(low, mode="clip")), left)
                low += first
                if last:
                    continue
                end = (low < high) & ((high & 1) == 1)
                high -= end
                right = np.where(end, self.operation(level.take(high, mode="clip"), right), right)
                break
            low >>= 1
            high >>= 1
        left[:] = self.operation(left, right)


@dataclass
class SpreadTree:
    """Count, mean and sum of squared distances from the mean of stretches, by the rule of Chan, Golub and LeVeque."""

    values: npt.NDArray[np.float64]
    levels: list[tuple[Array, Array, Array]] = field(default_factory=list)

    def stddev(self, low: Ints, high: Ints) -> npt.NDArray[np.float64]:
        """The standard deviation of a sample from each `low` up to `high`; NaN for fewer than two values.

        >>> SpreadTree(np.array([1.0, 2.0, 3.0])).stddev(np.array([0, 1]), np.array([3, 2])).tolist()
        [1.0, nan]
        """
        self._grow(int((high - low).max()) if len(low) else 0)
        found = np.full(len(low), np.nan)

        def fill(part: slice) -> None:
            count, _, squares = self._stretch(low[part].copy(), high[part].copy())
            with np.errstate(invalid="ignore", divide="ignore"):
                found[part] = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)

        if len(self.values):
            in_parts(len(low), fill)
        return found

    def _grow(self, longest: int) -> None:
        if not self.levels:
            size = len(self.values)
            self.levels.append((np.ones(size), self.values, np.zeros(size)))
        while longest >> len(self.levels) and len(self.levels[-1][0]) > 1:
            below = self.levels[-1]
            if len(below[0]) % 2:
                below = tuple(np.append(one, 0.0) for one in below)  # type: ignore[assignment]  # three as before
            self.levels.append(_together(*(tuple(one[start::2] for one in below) for start in (0, 1))))

    def _stretch(self, low: Ints, high: Ints) -> tuple[Array, Array, Array]:
        nothing = np.zeros(len(low))
        found = (nothing, nothing, nothing)
        for number, level in enumerate(self.levels):
            last = number == len(self.levels) - 1
            while (low < high).any():
                first = (low < high) & (last | ((low & 1) == 1))
                found = _where(first, _together(found, _taken(level, low)), found)
                low += first
                if last:
                    continue
                end = (low < high) & ((high & 1) == 1)
                high -= end
                found = _where(end, _together(found, _taken(level, high)), found)
                break
            low >>= 1
            high >>= 1
        return found


def _taken(level: tuple[Array, Array, Array], places: Ints) -> tuple[Array, Array, Array]:
    count, mean, squares = level
    return count.take(places, mode="clip"), mean.take(places, mode="clip"), squares.take(places, mode="clip")


def _where(
    chosen: Array, one: tuple[Array, Array, Array], other: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array]:
    return np.where(chosen, one[0], other[0]), np.where(chosen, one[1], other[1]), np.where(chosen, one[2], other[2])


def _together(*parts: Any) -> tuple[Array, Array, Array]:
    (count1, mean1, squares1), (count2, mean2, squares2) = parts
    count = count1 + count2
    share = count2 / np.maximum(count, 1)
    with np.errstate(invalid="ignore"):  # infinite values give NaN
        apart = mean2 - mean1
        # Of a part without values nothing is known, and nothing is added.
        mean = np.where(count1 == 0, mean2, np.where(count2 == 0, mean1, mean1 + apart * share))
        squares = squares1 + squares2 + np.where((count1 == 0) | (count2 == 0), 0.0, apart * apart * count1 * share)
    return count, mean, squares
