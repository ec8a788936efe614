"""Event columns prepared for windows: the events that count, and their values as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.engine.point_in_time_timeline import Ints
from headrace.engine.windows_trees import SpreadTree, Tree

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Counted:
    """Some of the events of a timeline.

    Attributes:
        places: where they are on the timeline; None: they are all of it.
        before: for each position, how many of them come before it.
    """

    places: Ints | None = None
    before: Ints | None = None

    def bounds(self, low: Ints, high: Ints) -> tuple[Ints, Ints]:
        """Stretches of the timeline as stretches of these events."""
        return (low, high) if self.before is None else (self.before.take(low), self.before.take(high))


def counted(mask: Mask | None) -> Counted:
    """The events for which `mask` is true; None stands for all."""
    if mask is None or mask.all():
        return Counted()
    return Counted(np.flatnonzero(mask).astype(np.int64), np.concatenate([[0], np.cumsum(mask)]).astype(np.int64))


class EventColumn:
    """The values of one column for the events that count, in the order of the timeline."""

    def __init__(self, values: pa.Array) -> None:
        self.values = values

    @cached_property
    def numbers(self) -> npt.NDArray[Any]:
        """Integers, floats, times and booleans as numpy numbers of the same order; of nulls anything."""
        kind = self.values.type
        if pa.types.is_boolean(kind):
            return np.asarray(self.values.fill_null(False).to_numpy(zero_copy_only=False)).view(np.uint8)
        stored = stored_type(kind)
        data = self.values.buffers()[1]
        size = self.values.offset + len(self.values)
        found = np.empty(0, stored) if data is None else np.frombuffer(data, stored, count=size)
        return found[self.values.offset :]

    @cached_property
    def floats(self) -> npt.NDArray[np.float64]:
        return self.numbers.astype(np.float64)

    @cached_property
    def totals(self) -> Ints:
        """Running totals of integers: what overflows on the way cancels in a difference."""
        with np.errstate(over="ignore"):
            return np.concatenate([[0], np.cumsum(self.numbers, dtype=np.int64)])

    @cached_property
    def greatest_size(self) -> int:
        """The greatest absolute value of integers."""
        return max(abs(int(self.numbers.min())), abs(int(self.numbers.max()))) if len(self.numbers) else 0

    @cached_property
    def sums(self) -> Tree:
        return Tree(self.floats, np.add, 0.0)

    @cached_property
    def spread(self) -> SpreadTree:
        return SpreadTree(self.floats)

    @cached_property
    def least(self) -> Tree:
        """NaN counts as the greatest number, as in DuckDB."""
        values = self.numbers if is_number(self.values.type) else self.ranks
        floats = np.issubdtype(values.dtype, np.floating)
        return Tree(values, np.fmin if floats else np.minimum, np.nan if floats else np.iinfo(values.dtype).max)

    @cached_property
    def most(self) -> Tree:
        values = self.numbers if is_number(self.values.type) else self.ranks
        floats = np.issubdtype(values.dtype, np.floating)
        return Tree(values, np.maximum, -np.inf if floats else np.iinfo(values.dtype).min)

    @cached_property
    def _ranked(self) -> tuple[Ints, pa.Array]:
        """Of each value its rank among the different ones, -1 for null, and the different values in order."""
        encoded = self.values.dictionary_encode()
        known, rank = encoded.dictionary, pc.rank(encoded.dictionary, tiebreaker="dense").to_numpy() - 1
        codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        ranks = rank.astype(np.int64)[codes] if len(known) else np.zeros(len(codes), dtype=np.int64)
        if self.values.null_count:
            ranks[np.asarray(self.values.is_null())] = -1
        order = np.empty(int(rank.max()) + 1 if len(rank) else 0, dtype=np.int64)
        order[rank.astype(np.int64)] = np.arange(len(rank))
        return ranks, known.take(pa.array(order))

    @property
    def ranks(self) -> Ints:
        return self._ranked[0]

    @property
    def different(self) -> pa.Array:
        return self._ranked[1]


def stored_type(kind: pa.DataType) -> np.dtype[Any]:
    """The numpy type of the numbers that a type's values are stored as."""
    if pa.types.is_floating(kind):
        return np.dtype(f"f{kind.bit_width // 8}")
    return np.dtype(f"{'u' if pa.types.is_unsigned_integer(kind) else 'i'}{kind.bit_width // 8}")


def is_number(kind: pa.DataType) -> bool:
    """Whether values are stored as numbers in the order that they have: integers, floats, times and booleans."""
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return bool(plain or pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def is_ranked(kind: pa.DataType) -> bool:
    """Whether values of other types have an order that Arrow knows as DuckDB does."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def in_order(column: EventColumn, line_groups: Ints | None) -> Ints | None:
    """What puts events of equal time and `created` in the order of their values, null being least; None: nothing to do.

    Args:
        line_groups: for each event the number of its group of equal times, rising.
    """
    if line_groups is None or len(line_groups) < 2:
        return None
    level = line_groups[1:] == line_groups[:-1]
    if not level.any():
        return None
    tied = np.flatnonzero(np.concatenate([level, [False]]) | np.concatenate([[False], level]))
    order = np.arange(len(line_groups))
    order[tied] = tied[np.lexsort((column.ranks[tied], line_groups[tied]))]
    return order
