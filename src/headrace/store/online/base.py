"""What an online store promises, whichever database is behind it, and the values that go in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

Status = Literal["present", "missing", "expired"]
Columns = tuple[tuple[str, str], ...]
"""Names with SQL types."""


class Found(NamedTuple):
    """What one view answers of one entity.

    Attributes:
        values: in the order asked for; None: never seen, or expired. Of a view of windows there always are some: an
            entity without events counts 0 of them, as in training.
        event_time: when the values became true, aware, UTC; of windows, the latest event that is in any.
        status: `present`, `missing` (never seen) or `expired` (older than the view's ttl).
    """

    values: tuple[Any, ...] | None
    event_time: datetime | None
    status: Status


class Change(NamedTuple):
    """One row for an online store: the latest values of an entity, or, in a view of windows, an event.

    Attributes:
        keys: in the order of the view's keys. A row with a null among them is left out.
        event_time: when it became true; None in a view without a timestamp. Without a time zone it is UTC.
        created: when it became known; None is always.
        values: in the order of the schema's `columns`.
        identity: of an event, what tells it from others of the entity: an event with the same one is replaced.
        push: its place in the log of pushes; 0 for what a version has.
    """

    keys: tuple[Any, ...]
    event_time: datetime | None
    created: datetime | None
    values: tuple[Any, ...]
    identity: bytes = b""
    push: int = 0


class Read(NamedTuple):
    """One question: some entities' features of one view; None is all of them."""

    view: str
    keys: Sequence[tuple[Any, ...]]
    features: Sequence[str] | None = None


@dataclass(frozen=True)
class OnlineSchema:
    """What a view looks like online.

    Attributes:
        keys: the entity's key columns, with their SQL types.
        features: what can be asked for, with their SQL types.
        ttl: how many seconds a value holds; None is for ever.
        version: of `online/<view>`, that the store holds; None before the first fill.
        filled_at: when it was brought to that version, aware, UTC.
        environment: whose it is.
        latest: the latest event time in it, aware, UTC; what its freshness is measured from.
        timed: whether rows have an event time; `created`: whether they have a created time.
        columns: what is stored of each row; the features themselves, but of windows the columns of their events.
        windows: of a view of windows, how each feature is computed from the events, else empty.
        every: the step in seconds in which values change; None: at every moment.
        complete_from: of windows, the time from which on all events are there; None: all of them.
        covered: how many pushes the version has read; those after it are kept beside it.
    """

    keys: Columns
    features: Columns
    ttl: float | None = None
    version: str | None = None
    filled_at: datetime | None = None
    environment: str = ""
    latest: datetime | None = None
    timed: bool = True
    created: bool = False
    columns: Columns = ()
    windows: tuple[Mapping[str, Any], ...] = ()
    every: float | None = None
    complete_from: datetime | None = None
    covered: int = 0


@dataclass(frozen=True)
class Fill:
    """What brings a store from one version of a view to another.

    Attributes:
        rows: of every entity that has changed all its rows, those of one entity one after another, entities in the
            order of their keys.
        gone: the entities that have no rows any more.
        whole: whether these are all entities, and what the store holds is replaced.
        pushes: what was pushed and is not in the version.
    """

    rows: Iterable[Change]
    gone: Iterable[tuple[Any, ...]] = ()
    whole: bool = False
    pushes: Iterable[Change] = ()


class OnlineStore(Protocol):
    """Latest values by entity. Any number of threads and processes read while one writes."""

    def describe(self, view: str) -> OnlineSchema | None:
        """What is stored of a view; None when it never was filled."""
        ...

    def views(self) -> list[str]:
        """The views that were filled, sorted."""
        ...

    def read(
        self,
        view: str,
        keys: Sequence[tuple[Any, ...]],
        features: Sequence[str] | None = None,
        at: datetime | None = None,
    ) -> list[Found]:
        """The values of each entity at a moment, by default now, in the order of `keys`; all of one version.

        A key that holds a null matches nothing. Raises OnlineError for a view that was never filled, UnknownName for a
        feature that it lacks, and OnlineError for a key of another type than the view's.
        """
        ...

    def read_many(self, reads: Sequence[Read], at: datetime | None = None) -> list[list[Found]]:
        """The same of several views, at one moment."""
        ...

    def apply(self, view: str, schema: OnlineSchema, changes: Iterable[Change], version: str | None) -> int:
        """Merge rows, in any order; how many entities have changed. Atomic, and durable on return.

        Of an entity's rows the greatest (event time, created, values) is what is read, null being least; a row that is
        not, changes nothing. Of windows every event counts, once for each identity.

        Args:
            version: what the store holds afterwards; None leaves that as it is.
        """
        ...

    def fill(self, view: str, schema: OnlineSchema, fill: Fill) -> int:
        """Bring a view to a version; how many entities have changed. Atomic, and durable on return."""
        ...

    def forget(self, view: str) -> None:
        """Remove a view with all that is stored of it."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...
