"""The online store in Redis or Valkey: for readers on several hosts. The records are those of LMDB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import redis

from headrace.errors import OnlineError
from headrace.store.online.base import Change, Fill, Found, OnlineSchema, Read
from headrace.store.online.layout import (
    Answer,
    Layout,
    by_entity,
    layout_json,
    layout_of,
    never_filled,
    pushed_later,
    read_schema,
    same_layout,
    state_json,
)
from headrace.store.online.times import micros, now_micros

_AT_ONCE = 5_000
_TRIES = 20

Records = dict[bytes, bytes | None]


class RedisStore:
    """Each view has a layout, a state, and a record for each entity under the number of the view's generation.

    One MGET reads the layouts and all records of a question, so an answer is of one version. A view that is filled as
    a whole is written under a new number, which the layout then names; a part of it changes in one MULTI.
    """

    def __init__(self, url: str, environment: str) -> None:
        self._url = url
        self._base = f"headrace:{environment}:".encode()
        self._client: Any = redis.Redis.from_url(url)  # its types say that a reply may be text, or awaited
        self._known: dict[tuple[str, tuple[str, ...] | None], tuple[bytes, bytes, Layout, Answer]] = {}

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _reachable(self, view: str) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            fix = "Start it, or mend url in [tool.headrace.online] of pyproject.toml."
            raise OnlineError(
                view, f"Redis at {_without_password(self._url)} failed: {str(error).rstrip('.')}.", fix
            ) from error

    def _name(self, what: str, view: str) -> bytes:
        return self._base + f"{what}:{view}".encode()

    def views(self) -> list[str]:
        with self._reachable("*"):
            return sorted(name.decode() for name in self._client.smembers(self._name("views", "")))

    def describe(self, view: str) -> OnlineSchema | None:
        with self._reachable(view):
            layout, state = self._client.mget(self._name("layout", view), self._name("state", view))
        return None if layout is None else read_schema(_split(layout)[1], state)

    def read(
        self,
        view: str,
        keys: Sequence[tuple[Any, ...]],
        features: Sequence[str] | None = None,
        at: datetime | None = None,
    ) -> list[Found]:
        return self.read_many((Read(view, keys, features),), at)[0]

    def read_many(self, reads: Sequence[Read], at: datetime | None = None) -> list[list[Found]]:
        now = now_micros() if at is None else micros(at)
        with self._reachable(reads[0][0] if reads else "*"):
            for _ in range(_TRIES):
                try:
                    found = self._try(reads, now)
                except OnlineError:
                    if not self._is_outdated(reads):
                        raise
                    found = None
                if found is not None:
                    return found
        raise OnlineError(reads[0][0], "it is filled anew again and again.", "Ask again.")

    def _try(self, reads: Sequence[Read], now: int) -> list[list[Found]] | None:
        """The answers; None when a layout has changed, which is then known."""
        names: list[bytes] = []
        asked: list[tuple[int, bytes, list[int | None], Answer]] = []
        for view, keys, features in reads:
            written, prefix, layout, answer = self._reader(view, features)
            start = len(names)
            names.append(self._name("layout", view))
            places: list[int | None] = []
            for one in keys:
                key = layout.encode(one)
                places.append(None if key is None else len(names))
                if key is not None:
                    names.append(prefix + key)
            asked.append((start, written, places, answer))
        values = self._client.mget(names) if names else []
        if any(values[start] != written for start, written, _, _ in asked):
            self._known.clear()
            return None
        return [
            answer([None if place is None else values[place] for place in places], now)
            for _, _, places, answer in asked
        ]

    def _is_outdated(self, reads: Sequence[Read]) -> bool:
        """Whether a layout that is remembered has changed; all are forgotten then."""
        known = {view: one[0] for (view, _), one in self._known.items() if view in {read[0] for read in reads}}
        written = self._client.mget([self._name("layout", view) for view in known]) if known else []
        is_outdated = written != [*known.values()]
        if is_outdated:
            self._known.clear()
        return is_outdated

    def _reader(self, view: str, features: Sequence[str] | None) -> tuple[bytes, bytes, Layout, Answer]:
        name = view, None if features is None else tuple(features)
        known = self._known.get(name)
        if known is None:
            written = self._client.get(self._name("layout", view))
            if written is None:
                raise never_filled(view)
            number, data = _split(written)
            layout = layout_of(view, read_schema(data))
            known = self._known[name] = written, self._prefix(view, number), layout, layout.answer(name[1])
        return known

    def _prefix(self, view: str, number: bytes) -> bytes:
        return self._name("row", view) + b":" + number + b":"

    def apply(self, view: str, schema: OnlineSchema, changes: Iterable[Change], version: str | None) -> int:
        rows = list(changes)

        def change(known: tuple[bytes, OnlineSchema] | None) -> tuple[bytes, OnlineSchema, Records]:
            number, stands = known or (b"1", schema)
            if not same_layout(stands, schema):
                fix = f"Build online/{view} first. Nothing was written."
                raise OnlineError(view, "its columns are not those that were given.", fix)
            layout = layout_of(view, stands)
            records = self._merged(self._prefix(view, number), layout, rows, {})
            return number, pushed_later(stands, rows, version), records

        return self._change(view, change)

    def fill(self, view: str, schema: OnlineSchema, fill: Fill) -> int:
        layout = layout_of(view, schema)
        pushes = list(fill.pushes)
        if fill.whole:
            return self._replace(view, schema, layout, fill.rows, pushes)
        grouped = dict(by_entity(layout.encode, fill.rows))
        gone = [key for one in fill.gone if (key := layout.encode(one)) is not None]

        def change(known: tuple[bytes, OnlineSchema] | None) -> tuple[bytes, OnlineSchema, Records]:
            if known is None or not same_layout(known[1], schema):
                raise OnlineError(view, "it can only be filled as a whole: its columns have changed.")
            prefix = self._prefix(view, known[0])
            rows: dict[bytes, list[Change] | None] = dict.fromkeys(self._client.smembers(self._name("pushed", view)))
            rows.update((key, []) for key in gone)
            rows.update(grouped)
            now = now_micros()
            before = self._get(prefix, [*rows])
            records = {prefix + key: layout.refilled(before[key], found, now) for key, found in rows.items()}
            return known[0], schema, records | self._merged(prefix, layout, pushes, records)

        return self._change(view, change)

    def _merged(self, prefix: bytes, layout: Layout, rows: Sequence[Change], changed: Records) -> Records:
        """The records of pushed rows, on top of those that have changed already."""
        found: dict[bytes, list[Change]] = {}
        for one in rows:
            key = layout.encode(one.keys)
            if key is not None:
                found.setdefault(key, []).append(one)
        before, now = self._get(prefix, [*found]), now_micros()
        return {
            prefix + key: layout.merged(changed.get(prefix + key, before[key]), one, now) for key, one in found.items()
        }

    def _get(self, prefix: bytes, keys: list[bytes]) -> Records:
        found: Records = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            found.update(zip(some, self._client.mget([prefix + key for key in some]), strict=True))
        return found

    def _change(
        self, view: str, change: Callable[[tuple[bytes, OnlineSchema] | None], tuple[bytes, OnlineSchema, Records]]
    ) -> int:
        """Make a change of some records all at once, again if another one came in between."""
        layout_name, state_name = self._name("layout", view), self._name("state", view)
        with self._reachable(view), self._client.pipeline() as pipe:
            for _ in range(_TRIES):
                try:
                    pipe.watch(layout_name, self._name("written", view))
                    layout, state = pipe.mget(layout_name, state_name)
                    known = None if layout is None else (_split(layout)[0], read_schema(_split(layout)[1], state))
                    number, schema, records = change(known)
                    before = self._get(b"", [*records])
                    changed = {name: one for name, one in records.items() if before[name] != one}
                    pipe.multi()
                    self._queue(pipe, view, number, schema, changed)
                    pipe.execute()
                    return len(changed)
                except redis.WatchError:
                    continue
        raise OnlineError(view, "others write to it all the time.", "Nothing was written. Try again.")

    def _queue(self, pipe: Any, view: str, number: bytes, schema: OnlineSchema, records: Records) -> None:
        layout, prefix = layout_of(view, schema), self._prefix(view, number)
        kept = {name: record for name, record in records.items() if record is not None}
        if kept:
            pipe.mset(kept)
        gone = [name for name in records if name not in kept]
        if gone:
            pipe.delete(*gone)
        pushed = self._name("pushed", view)
        for name, record in records.items():
            if layout.has_pushes(record):
                pipe.sadd(pushed, name[len(prefix) :])
            else:
                pipe.srem(pushed, name[len(prefix) :])
        self._queue_facts(pipe, view, number, schema)

    def _queue_facts(self, pipe: Any, view: str, number: bytes, schema: OnlineSchema) -> None:
        pipe.set(self._name("layout", view), number + b" " + layout_json(schema))
        pipe.set(self._name("state", view), state_json(schema))
        pipe.incr(self._name("written", view))
        pipe.sadd(self._name("views", ""), view)

    def _replace(
        self, view: str, schema: OnlineSchema, layout: Layout, rows: Iterable[Change], pushes: Sequence[Change]
    ) -> int:
        """Write all records under a new number, then let the layout name it."""
        with self._reachable(view):
            number = str(self._client.incr(self._name("generation", view))).encode()
            prefix, now, count = self._prefix(view, number), now_micros(), 0
            made = ((prefix + key, layout.refilled(None, found, now)) for key, found in by_entity(layout.encode, rows))
            records = ((name, record) for name, record in made if record is not None)
            while some := dict(islice(records, _AT_ONCE)):
                self._client.mset(some)
                count += len(some)
            old = self._client.get(self._name("layout", view))
            with self._client.pipeline() as pipe:
                pipe.delete(self._name("pushed", view))
                self._queue(pipe, view, number, schema, self._merged(prefix, layout, pushes, {}))
                pipe.execute()
            if old is not None:
                self._unlink(self._prefix(view, _split(old)[0]))
        return count

    def _unlink(self, prefix: bytes) -> None:
        names = self._client.scan_iter(match=prefix.replace(b"*", b"\\*") + b"*", count=_AT_ONCE)
        while some := list(islice(names, _AT_ONCE)):
            self._client.unlink(*some)

    def forget(self, view: str) -> None:
        with self._reachable(view):
            layout = self._client.get(self._name("layout", view))
            with self._client.pipeline() as pipe:
                pipe.delete(*(self._name(what, view) for what in ("layout", "state", "pushed", "written")))
                pipe.srem(self._name("views", ""), view)
                pipe.execute()
            if layout is not None:
                self._unlink(self._prefix(view, _split(layout)[0]))


def _split(written: bytes) -> tuple[bytes, bytes]:
    """The number of a view's generation, and its layout."""
    number, _, layout = written.partition(b" ")
    return number, layout


def _without_password(url: str) -> str:
    return url.rpartition("@")[2] if "@" in url else url
