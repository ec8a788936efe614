"""Service plans: a service description made ready to answer, so that a question costs little beside the reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from headrace.declarations.on_demand import OnDemand
from headrace.errors import OnDemandError, RequestError, UnknownName
from headrace.serving.online_features import OnlineFeatures, Origin
from headrace.serving.questions import Fields
from headrace.serving.values import Reader, reader_of
from headrace.store.online.base import Found, OnlineStore, Read, Status
from headrace.store.services import Computation, ServiceDescription

FindOnDemand = Callable[[Computation], OnDemand]
_Keys = Callable[[tuple[Any, ...]], tuple[Any, ...]]


@dataclass(frozen=True)
class _Group:
    """One read of one view under one key mapping: features that several items ask for are read once."""

    label: str
    view: str
    features: tuple[str, ...]
    keys: _Keys


class ServicePlan:
    """Answers questions to one service from an online store.

    Args:
        find: the on-demand features of a computation.

    Attributes:
        names: its features in order, `everything` their numbers.
        origins: where each comes from; `labels` what the reads are called.
        written: what of answers was written before, by what it depends on.
    """

    def __init__(self, description: ServiceDescription, find: FindOnDemand) -> None:
        self.description = description
        _require_online(description)
        self._key_fields = Fields("keys", "key", description.keys)
        self._request_fields = Fields("request", "request", description.requests)
        self._groups, places = _grouped(description)
        self._computed = [_Compute(one, find(one), places, description) for one in description.computations]
        width = sum(len(one.features) for one in self._groups)
        for one in self._computed:
            one.offset = width
            width += len(one.names)
        self.names = tuple(name for name, _ in description.outputs)
        self._pick = _picker(self._picked(places), width)
        self.origins = self._origins_of(places)
        self.everything = tuple(range(len(self.names)))
        self._nothing = [(None,) * len(group.features) for group in self._groups]
        self.labels = tuple(group.label for group in self._groups)
        self.written: dict[tuple[tuple[int, ...], tuple[Status, ...]], bytes] = {}

    @property
    def views(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group.view for group in self._groups))

    @property
    def computes(self) -> bool:
        """Whether user code runs for each question."""
        return bool(self._computed)

    def answer(
        self,
        store: OnlineStore,
        keys: Any,
        request: Any = None,
        at: datetime | None = None,
    ) -> OnlineFeatures:
        """The features of each asking row.

        Raises RequestError for a question that does not fit, OnDemandError when the user's function fails.
        """
        if keys is None and not self.description.keys:
            requested = self._request_fields.rows({} if request is None else request)
            asked: list[tuple[Any, ...]] = [()] * len(requested)
        else:
            asked = self._key_fields.rows(keys)
            requested = self._request_fields.broadcast(request, len(asked))
        groups = self._groups
        reads = [Read(one.view, [one.keys(row) for row in asked], one.features) for one in groups]
        found = self._read(store, reads, at)
        flat = [self._flat(one) for one in zip(*found, strict=True)] if groups else [()] * len(asked)
        for one in self._computed:
            flat = one.append(flat, requested)
        rows = list(map(self._pick, flat))
        return OnlineFeatures(self.description, self.origins, self.labels, rows, found)

    def _read(self, store: OnlineStore, reads: Sequence[Read], at: datetime | None) -> list[list[Found]]:
        try:
            return store.read_many(reads, at)
        except UnknownName as error:
            problem = f"{error} The service is being rebuilt, or a part of it was not: run `headrace build`."
            raise RequestError("not_ready", problem) from error

    def _flat(self, row: tuple[Found, ...]) -> tuple[Any, ...]:
        flat: tuple[Any, ...] = ()
        for found, nothing in zip(row, self._nothing, strict=True):
            values = found[0]
            flat += nothing if values is None else values
        return flat

    def _picked(self, places: Sequence[Sequence[int]]) -> list[int]:
        """Where in a flat row each output is."""
        found: list[int] = []
        for kind, number in self.description.items:
            computed = self._computed[number] if kind == "computation" else None
            found += range(computed.offset, computed.offset + len(computed.names)) if computed else places[number]
        return found

    def _origins_of(self, places: Sequence[Sequence[int]]) -> tuple[Origin, ...]:
        """Of which reads each output is made."""
        group_of = [number for number, group in enumerate(self._groups) for _ in group.features]
        reads: list[tuple[int, ...]] = []
        for kind, number in self.description.items:
            if kind == "read":
                reads += [(group_of[place],) for place in places[number]]
            else:
                taken = (group_of[place] for one in self._computed[number].reads for place in places[one])
                reads += [tuple(dict.fromkeys(taken))] * len(self._computed[number].names)
        labels = [group.label for group in self._groups]
        pairs = zip(self.names, reads, strict=True)
        return tuple(Origin(name, found, tuple(labels[number] for number in found)) for name, found in pairs)


class _Compute:
    """On-demand features of a question's rows."""

    offset = 0

    def __init__(
        self,
        made: Computation,
        one: OnDemand,
        places: Sequence[Sequence[int]],
        description: ServiceDescription,
    ) -> None:
        from headrace.engine.frames import polars_types
        from headrace.engine.on_demand import run_on_demand

        self._one, self._run = one, run_on_demand
        self.names = tuple(name for name, _ in made.outputs)
        self.reads = made.reads
        stored: list[int | None] = [place for number in made.reads for place in places[number]]
        stored += [None] * (len(made.inputs) - len(stored))
        requests = [name for name, _ in description.requests]
        kinds = polars_types(tuple(kind for _, kind in made.inputs))
        self._columns = [
            (name, kind, place, requests.index(name) if place is None else 0)
            for (name, _), kind, place in zip(made.inputs, kinds, stored, strict=True)
        ]

    def append(self, flat: Sequence[tuple[Any, ...]], requested: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows with what the function makes of them."""
        import polars as pl

        columns = []
        for name, kind, place, number in self._columns:
            values = [row[number] for row in requested] if place is None else [row[place] for row in flat]
            try:
                columns.append(pl.Series(name, values, kind))
            except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
                problem = f"{name!r} is not {kind} as it was built: {error}. Run `headrace build`."
                raise RequestError("not_ready", problem) from error
        made = self._run(self._one, pl.DataFrame(columns))
        if tuple(made.columns) != self.names:
            problem = f"its function returned {', '.join(made.columns)}, but {', '.join(self.names)} when it was built."
            raise OnDemandError(self._one.where, problem)
        return [(*row, *values) for row, values in zip(flat, made.rows(), strict=True)]


def _require_online(description: ServiceDescription) -> None:
    kept = [read.view for read in description.reads if not read.online]
    if kept:
        problem = f"{description.name!r} reads features/{kept[0]}, which is not online."
        raise RequestError("not_online", f"{problem} Declare the view with online=True and run `headrace build`.")


def _grouped(description: ServiceDescription) -> tuple[list[_Group], list[list[int]]]:
    """The reads, each view and key mapping once; and where in a flat row the features of each read are."""
    merged: dict[tuple[str, tuple[tuple[str, str, str], ...]], dict[str, None]] = {}
    for read in description.reads:
        wanted = merged.setdefault((read.view, read.keys), {})
        wanted.update((name, None) for _, name, _ in read.features)
    times = [view for view, _ in merged]
    groups: list[_Group] = []
    place: dict[tuple[str, tuple[tuple[str, str, str], ...], str], int] = {}
    for (view, keys), features in merged.items():
        columns = ",".join(column for column, _, _ in keys)
        label = view if times.count(view) == 1 else f"{view}[{columns}]"
        start = sum(len(group.features) for group in groups)
        place |= {(view, keys, name): start + number for number, name in enumerate(features)}
        groups.append(_Group(label, view, tuple(features), _key_reader(keys, description)))
    places = [[place[(read.view, read.keys, name)] for _, name, _ in read.features] for read in description.reads]
    return groups, places


def _key_reader(keys: tuple[tuple[str, str, str], ...], description: ServiceDescription) -> _Keys:
    """From an asking row to the key of a view, whose type may differ from that of the asking column."""
    order = [name for name, _ in description.keys]
    kinds = dict(description.keys)
    picked = [order.index(column) for column, _, _ in keys]
    readers: list[tuple[str, Reader]] = [(column, reader_of(kind)) for column, _, kind in keys]
    if all(kinds[column] == kind for column, _, kind in keys):
        if picked == list(range(len(order))):
            return _same
        return itemgetter(*picked) if len(picked) > 1 else _one(picked)

    def convert(row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = zip(picked, readers, strict=True)
        return tuple(None if row[at] is None else _converted(row[at], *reader) for at, reader in values)

    return convert


def _converted(value: Any, column: str, read: Reader) -> Any:
    try:
        return read(value)
    except (TypeError, ValueError):
        return None  # a view with narrower keys cannot have seen it


def _same(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row


def _one(picked: Sequence[int]) -> _Keys:
    if not picked:
        return lambda row: ()
    place = picked[0]
    return lambda row: (row[place],)


def _picker(order: Sequence[int], width: int) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What takes the outputs out of a flat row; nothing to do where they are the row."""
    if list(order) == list(range(width)):
        return _same
    if len(order) == 1:
        place = order[0]
        return lambda row: (row[place],)
    return itemgetter(*order)
