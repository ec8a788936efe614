"""OnlineFeatures: what an online store answered, with the status of every value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from headrace.store.online.base import Found, Status
from headrace.store.services import ServiceDescription

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Origin:
    """Where a feature comes from: the numbers of the reads that it is made of, and what these are called."""

    name: str
    reads: tuple[int, ...]
    labels: tuple[str, ...]


class OnlineFeatures:
    """The features of some asking rows, in their order.

    Attributes:
        service, version: whose features these are.
        names: the features in order.
        rows: for each asking row its values, in the order of `names`, as Python has them: aware moments in UTC,
            decimals, lists, bytes; None for null, and for what is missing or expired.
        found: what each read of the store answered, by row.
    """

    __slots__ = ("_description", "_labels", "_origins", "found", "rows")

    def __init__(
        self,
        description: ServiceDescription,
        origins: tuple[Origin, ...],
        labels: tuple[str, ...],
        rows: list[tuple[Any, ...]],
        found: Sequence[list[Found]],
    ) -> None:
        self._description = description
        self._origins = origins
        self._labels = labels
        self.found = found
        self.rows = rows

    @property
    def service(self) -> str:
        return self._description.name

    @property
    def version(self) -> int:
        return self._description.version

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(origin.name for origin in self._origins)

    @property
    def types(self) -> dict[str, str]:
        """The SQL type of each feature."""
        return dict(self._description.outputs)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each row as a mapping."""
        names = self.names
        return (dict(zip(names, row, strict=True)) for row in self.rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """One row as a mapping."""
        return dict(zip(self.names, self.rows[row], strict=True))

    def __repr__(self) -> str:
        return f"OnlineFeatures({self.service!r}, {len(self.rows)} rows, features: {', '.join(self.names)})"

    def status(self, row: int = 0) -> dict[str, Status]:
        """The status of each feature of a row: `present`, `missing` (never seen) or `expired`.

        A feature computed on demand is as good as the worst of what it is made of. Windows of an entity that was never
        seen are `missing` and have the values that they have in training: counts are 0.
        """
        return statuses(self._origins, [one[row].status for one in self.found])

    def event_times(self, row: int = 0) -> dict[str, datetime | None]:
        """When the values of a row became true, by view."""
        return {label: one[row].event_time for label, one in zip(self._labels, self.found, strict=True)}

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for is there."""
        return all(found[2] == "present" for one in self.found for found in one)

    def pl(self) -> pl.DataFrame:
        """The features as a frame, in the types that they have in a training set."""
        import polars as pl

        from headrace.engine.frames import polars_types

        kinds = polars_types(tuple(kind for _, kind in self._description.outputs))
        schema = dict(zip(self.names, kinds, strict=True))
        return pl.DataFrame(self.rows, schema=schema, orient="row")


def statuses(origins: Sequence[Origin], found: Sequence[Status]) -> dict[str, Status]:
    """The status of each feature, by those of the reads."""
    return {one.name: _worst([found[number] for number in one.reads]) for one in origins}


def _worst(found: Sequence[Status]) -> Status:
    return "missing" if "missing" in found else "expired" if "expired" in found else "present"
