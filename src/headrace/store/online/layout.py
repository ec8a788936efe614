"""Layout: how one view's keys and rows are written and read, made from its schema; the same for every database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Protocol

from headrace.errors import OnlineError, UnknownName
from headrace.store.online.base import Change, Found, OnlineSchema
from headrace.store.online.events import Event, EventCodec
from headrace.store.online.keys import Encode, all_encoder, key_encoder
from headrace.store.online.rows import RowCodec, moment_of
from headrace.store.online.stack import Entry, Merger, stacked, unstack
from headrace.store.online.times import EXACT, FOREVER, from_micros, from_seconds, micros
from headrace.store.online.windows import Windows, windows_of

Answer = Callable[[Sequence[bytes | None], int], list[Found]]
"""What answers from the records of entities, None where there is none, at a moment in microseconds."""

MISSING = Found(None, None, "missing")


class Layout(Protocol):
    """How the records of one view are made, merged and read."""

    schema: OnlineSchema
    encode: Encode
    encode_all: Callable[[Sequence[Sequence[Any]]], list[bytes | None]]

    def answer(self, features: tuple[str, ...] | None) -> Answer:
        """What reads some features, by default all; raises UnknownName."""
        ...

    def merged(self, record: bytes | None, changes: Sequence[Change], now: int) -> bytes | None:
        """A record with further rows."""
        ...

    def refilled(self, record: bytes | None, rows: Sequence[Change] | None, now: int) -> bytes | None:
        """A record with other rows of a version, None leaving those it has, and without the pushes that it covers."""
        ...

    def has_pushes(self, record: bytes | None) -> bool:
        """Whether something in a record is only pushed."""
        ...


def layout_of(view: str, schema: OnlineSchema) -> Layout:
    """The layout of a view."""
    return WindowLayout(view, schema) if schema.windows else LatestLayout(view, schema)


def by_entity(encode: Encode, rows: Iterable[Change]) -> Iterator[tuple[bytes, list[Change]]]:
    """The rows of each entity; those without a whole key are left out."""
    for keys, found in groupby(rows, key=lambda one: one.keys):
        key = encode(keys)
        if key is not None:
            yield key, list(found)


class LatestLayout:
    """Of a view whose latest row is read."""

    def __init__(self, view: str, schema: OnlineSchema) -> None:
        self.schema = schema
        self.encode = key_encoder(view, schema.keys)
        self.encode_all = all_encoder(self.encode, schema.keys)
        self._view = view
        self._codec = RowCodec(view, schema.columns or schema.features, timed=schema.timed, created=schema.created)
        self._merger = Merger(self._codec)
        self._ttl = None if not schema.ttl else round(schema.ttl * 1_000_000)
        self._every = 1 if schema.every is None else round(schema.every * 1_000_000)

    def answer(self, features: tuple[str, ...] | None) -> Answer:
        one = self._answer(features)
        if not self.schema.timed or self.schema.created or self.schema.every:
            return lambda records, now: [one(record, now) for record in records]
        parse, take = self._codec.parse, self._codec.values(self._wanted(features))
        ttl = FOREVER * 2 if self._ttl is None else self._ttl
        make = tuple.__new__

        def answer(records: Sequence[bytes | None], now: int) -> list[Found]:
            """As `one` does, but without its calls for what is nearly always so."""
            found = []
            oldest = now - ttl
            for record in records:
                if record is None or record[0]:
                    found.append(one(record, now))
                    continue
                parsed = parse(record)
                event = parsed[0]
                if oldest <= event <= now:
                    moment = from_seconds(event / 1_000_000, UTC) if 0 <= event < EXACT else from_micros(event)
                    found.append(make(Found, (take(record, parsed), moment, "present")))
                else:
                    found.append(one(record, now))
            return found

        return answer

    def _answer(self, features: tuple[str, ...] | None) -> Callable[[bytes | None, int], Found]:
        codec, best, timed = self._codec, self._merger.best, self.schema.timed
        parse, take = codec.parse, codec.values(self._wanted(features))
        created = int(timed) if self.schema.created else None
        ttl, every = FOREVER * 2 if self._ttl is None else self._ttl, self._every

        def answer(record: bytes | None, now: int) -> Found:
            moment = now - now % every  # the age of a value counts to the very moment all the same
            if record is None:
                return MISSING
            if record[0]:
                row = best(record, moment)
                if row is None:
                    return MISSING
                record = row
            parsed = parse(record)
            if not timed:
                hidden = created is not None and parsed[created] > moment
                return MISSING if hidden else Found(take(record, parsed), None, "present")
            event = parsed[0]
            if event > moment or (created is not None and parsed[created] > moment):
                return MISSING
            if event < now - ttl:
                return Found(None, from_micros(event), "expired")
            return Found(take(record, parsed), from_micros(event), "present")

        return answer

    def _wanted(self, features: tuple[str, ...] | None) -> list[int] | None:
        if features is None:
            return None
        places = {name: place for place, (name, _) in enumerate(self.schema.features)}
        return [_place(self._view, places, name) for name in features]

    def _packed(self, change: Change) -> bytes:
        return self._codec.pack(moment_of(change.event_time), moment_of(change.created), change.values)

    def _entries(self, changes: Sequence[Change]) -> list[Entry]:
        """Rows without the event time that they should have are never seen."""
        timed = self.schema.timed
        return [Entry(self._packed(one), one.push) for one in changes if one.event_time is not None or not timed]

    def merged(self, record: bytes | None, changes: Sequence[Change], now: int) -> bytes | None:
        known = [] if record is None else unstack(record)
        return stacked(self._merger.merged([*known, *self._entries(changes)], now - now % self._every))

    def refilled(self, record: bytes | None, rows: Sequence[Change] | None, now: int) -> bytes | None:
        if record is None and rows is not None and len(rows) == 1 and not rows[0].push:
            return self._packed(rows[0]) if rows[0].event_time is not None or not self.schema.timed else None
        known = [] if record is None else list(unstack(record))
        kept = [one for one in known if one.push > self.schema.covered or (rows is None and not one.push)]
        return stacked(self._merger.merged([*kept, *self._entries(rows or ())], now - now % self._every))

    def has_pushes(self, record: bytes | None) -> bool:
        return record is not None and any(one.push for one in unstack(record))


class WindowLayout:
    """Of a view of windows, which are evaluated when they are read."""

    def __init__(self, view: str, schema: OnlineSchema) -> None:
        self.schema = schema
        self.encode = key_encoder(view, schema.keys)
        self.encode_all = all_encoder(self.encode, schema.keys)
        self._view = view
        self._codec = EventCodec(view, schema.columns, created=schema.created)
        self._windows = {one.name: one for one in windows_of(view, schema.windows, schema.columns)}
        self._every = None if schema.every is None else round(schema.every * 1_000_000)
        self._complete = None if schema.complete_from is None else micros(schema.complete_from)

    def answer(self, features: tuple[str, ...] | None) -> Answer:
        names = [name for name, _ in self.schema.features] if features is None else features
        chosen = [self._windows[list(self._windows)[_place(self._view, self._places, name)]] for name in names]
        windows = Windows(self._view, self._codec, chosen, self._every)
        complete = self._complete

        def answer(records: Sequence[bytes | None], now: int) -> list[Found]:
            moment = windows.moment(now)
            if complete is not None and moment - windows.reach < complete:
                raise self._incomplete(moment)
            found = []
            for record in records:
                values, latest = windows.at(record, moment)
                time = None if latest is None else from_micros(latest)
                found.append(Found(values, time, "missing" if record is None else "present"))
            return found

        return answer

    @property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._windows)}

    def _incomplete(self, moment: int) -> OnlineError:
        problem = f"its windows at {from_micros(moment).isoformat()} reach back further than the events that are kept."
        return OnlineError(self._view, problem, "Ask for a later moment, or ask store.historical for this one.")

    def _events(self, changes: Sequence[Change]) -> list[Event]:
        found = []
        for one in changes:
            _check_length(self._view, self.schema, one)
            at, created = moment_of(one.event_time), moment_of(one.created)
            if at is not None:
                known = -FOREVER if created is None else created
                found.append(Event(at, known, tuple(one.values), one.push, one.identity))
        return found

    def _pack(self, events: Iterable[Event]) -> bytes | None:
        merged = self._codec.merged(events)
        return self._codec.pack(merged) if merged else None

    def merged(self, record: bytes | None, changes: Sequence[Change], now: int) -> bytes | None:
        return self._pack([*self._codec.unpack(record), *self._events(changes)])

    def refilled(self, record: bytes | None, rows: Sequence[Change] | None, now: int) -> bytes | None:
        known = self._codec.unpack(record)
        kept = [one for one in known if one.push > self.schema.covered or (rows is None and not one.push)]
        return self._pack([*kept, *self._events(rows or ())])

    def has_pushes(self, record: bytes | None) -> bool:
        return record is not None and any(push for push, _ in self._codec.open(record).tracks())


def _place(view: str, places: dict[str, int], name: str) -> int:
    if name not in places:
        raise UnknownName(f"online/{view}", "feature", name, places)
    return places[name]


def _check_length(view: str, schema: OnlineSchema, change: Change) -> None:
    columns = schema.columns if schema.windows else schema.columns or schema.features  # counts take no column
    if len(change.values) != len(columns):
        problem = f"a row has {len(change.values)} values."
        raise OnlineError(view, problem, f"Its columns are: {', '.join(name for name, _ in columns)}.")


_STATE = ("version", "filled_at", "latest", "environment", "covered")
"""What changes with every fill or push; the rest decides how records are read."""


def layout_json(schema: OnlineSchema) -> bytes:
    """What decides how records are read."""
    fields = {name: value for name, value in asdict(schema).items() if name not in _STATE}
    return json.dumps({**fields, "covered": schema.covered}, default=_plain, ensure_ascii=False).encode()


def state_json(schema: OnlineSchema) -> bytes:
    """The rest of a schema."""
    return json.dumps({name: getattr(schema, name) for name in _STATE}, default=_plain).encode()


def read_schema(layout: bytes, state: bytes = b"{}") -> OnlineSchema:
    """The schema that was written."""
    fields = json.loads(layout) | json.loads(state)
    for name in ("keys", "features", "columns"):
        fields[name] = tuple((column, kind) for column, kind in fields[name])
    for name in ("filled_at", "latest", "complete_from"):
        fields[name] = datetime.fromisoformat(fields[name]) if fields.get(name) else None
    return OnlineSchema(**{**fields, "windows": tuple(fields["windows"])})


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is no part of a schema")


def same_layout(one: OnlineSchema, other: OnlineSchema) -> bool:
    """Whether the records of one can be read as those of the other."""
    names = ("keys", "columns", "features", "timed", "created", "windows", "every")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def pushed_later(schema: OnlineSchema, changes: Sequence[Change], version: str | None) -> OnlineSchema:
    """The schema after rows were merged into what it is of."""
    times = [one.event_time for one in changes if one.event_time is not None]
    moments = [from_micros(moment) for one in times if (moment := moment_of(one)) is not None]
    latest = max([*moments, *([schema.latest] if schema.latest else [])], default=None)
    return replace(schema, latest=latest, version=schema.version if version is None else version)


def never_filled(view: str) -> OnlineError:
    """A view that the store knows nothing of."""
    fix = f"Declare it with online=True and run `headrace build online/{view}`."
    return OnlineError(view, "it was never filled in this environment.", fix)
