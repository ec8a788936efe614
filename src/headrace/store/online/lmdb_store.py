"""The online store in LMDB: one memory-mapped file, many processes reading, one at a time writing."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import lmdb

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

MAP_SIZE = 2**36
"""The address space taken, not the disk: the file is as large as what is in it."""

Transaction = Any
"""Of LMDB; its types say that any value may be a buffer, which none is here."""

_NUMBER = struct.Struct(">I")
_META = b"\0\0\0"
_COUNTER = _META + b"c"
_environments: dict[tuple[int, str], tuple[lmdb.Environment, int]] = {}
_lock = threading.Lock()


class LmdbStore:
    """Records by three bytes that stand for a view's generation, then the entity's key; facts of views before them.

    A view that is filled as a whole gets a new generation, so its records are appended, in full pages.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = (os.getpid(), str(folder.resolve()))
        self._database = _open(self._name)
        self._schemas: dict[str, tuple[bytes, bytes, OnlineSchema]] = {}
        self._answers: dict[tuple[str, tuple[str, ...] | None], tuple[bytes, bytes, Layout, Answer]] = {}

    def close(self) -> None:
        _close(self._name)

    def views(self) -> list[str]:
        with self._database.begin() as read:
            return sorted(name[4:].decode() for name, _ in _under(read, _META + b"l"))

    def describe(self, view: str) -> OnlineSchema | None:
        with self._database.begin() as read:
            layout, state = read.get(_layout_key(view)), read.get(_state_key(view))
        if layout is None or state is None:
            return None
        known = self._schemas.get(view)
        if known is None or known[:2] != (layout, state):
            known = self._schemas[view] = layout, state, read_schema(layout[3:], state)
        return known[2]

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
        found = []
        with self._database.begin() as read:
            get = read.get
            for view, keys, features in reads:
                prefix, encode_all, answer = self._reader(get, view, features)
                names = encode_all(keys)
                found.append(answer([None if name is None else get(prefix + name) for name in names], now))
        return found

    def _reader(
        self, get: Callable[[bytes], bytes | None], view: str, features: Sequence[str] | None
    ) -> tuple[bytes, Callable[[Sequence[Sequence[Any]]], list[bytes | None]], Answer]:
        """How a view is read as it is written now."""
        name = view, None if features is None else tuple(features)
        written = get(_META + b"l" + view.encode())
        known = self._answers.get(name)
        if known is None or known[0] != written:
            if written is None:
                raise never_filled(view)
            layout = layout_of(view, read_schema(written[3:]))
            known = self._answers[name] = written, written[:3], layout, layout.answer(name[1])
        return known[1], known[2].encode_all, known[3]

    def apply(self, view: str, schema: OnlineSchema, changes: Iterable[Change], version: str | None) -> int:
        rows = list(changes)
        with self._writing(view) as write:
            known = _known(write, view)
            if known is None:
                prefix, stands = _next_prefix(write), schema
            else:
                prefix, stands = known
                if not same_layout(stands, schema):
                    fix = f"Build online/{view} first. Nothing was written."
                    raise OnlineError(view, "its columns are not those that were given.", fix)
            layout = layout_of(view, stands)
            changed = _merge(write, prefix, layout, rows)
            _write_facts(write, view, prefix, pushed_later(stands, rows, version))
        return changed

    def fill(self, view: str, schema: OnlineSchema, fill: Fill) -> int:
        layout = layout_of(view, schema)
        with self._writing(view) as write:
            known = _known(write, view)
            whole = fill.whole or known is None or not same_layout(known[1], schema)
            if whole and not fill.whole:
                raise OnlineError(view, "it can only be filled as a whole: its columns have changed.")
            if whole:
                prefix = _next_prefix(write)
                changed = _append(write, prefix, layout, fill.rows)
                if known is not None:
                    _remove(write, known[0])
            else:
                prefix = known[0] if known else b""
                changed = _update(write, prefix, layout, fill)
            changed += _merge(write, prefix, layout, list(fill.pushes))
            _write_facts(write, view, prefix, schema)
        return changed

    def forget(self, view: str) -> None:
        with self._writing(view) as write:
            known = _known(write, view)
            if known is not None:
                _remove(write, known[0])
                write.delete(_layout_key(view))
                write.delete(_state_key(view))

    @contextmanager
    def _writing(self, view: str) -> Iterator[Transaction]:
        try:
            with self._database.begin(write=True) as write:
                yield write
        except lmdb.Error as error:
            fix = "Free some space, or make the folder writable. It holds what it had before."
            raise OnlineError(view, f"{self._folder} cannot be written: {error}.", fix) from error


def _open(name: tuple[int, str]) -> lmdb.Environment:
    """LMDB wants one environment a process for each file, so all stores of a process share it."""
    with _lock:
        database, users = _environments.get(name) or (_environment(Path(name[1])), 0)
        _environments[name] = database, users + 1
        return database


def _environment(folder: Path) -> lmdb.Environment:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        database = lmdb.open(str(folder), map_size=MAP_SIZE, max_readers=1024, max_spare_txns=16)
    except lmdb.Error as error:
        fix = "Delete that folder and build: it is filled again from what is published."
        raise OnlineError("*", f"{folder} cannot be opened: {error}.", fix) from error
    database.reader_check()  # readers that were killed would keep old pages from being used again
    return database


def _close(name: tuple[int, str]) -> None:
    with _lock:
        database, users = _environments.pop(name, (None, 0))
        if database is None:
            return
        if users > 1:
            _environments[name] = database, users - 1
        else:
            database.close()


def _layout_key(view: str) -> bytes:
    return _META + b"l" + view.encode()


def _state_key(view: str) -> bytes:
    return _META + b"s" + view.encode()


def _known(read: Transaction, view: str) -> tuple[bytes, OnlineSchema] | None:
    """Where a view's records are, and its schema."""
    layout = read.get(_layout_key(view))
    return None if layout is None else (layout[:3], read_schema(layout[3:], read.get(_state_key(view))))


def _next_prefix(write: Transaction) -> bytes:
    number = _NUMBER.unpack(write.get(_COUNTER, _NUMBER.pack(0)))[0] + 1
    write.put(_COUNTER, _NUMBER.pack(number))
    return _NUMBER.pack(number)[1:]


def _write_facts(write: Transaction, view: str, prefix: bytes, schema: OnlineSchema) -> None:
    write.put(_layout_key(view), prefix + layout_json(schema))
    write.put(_state_key(view), state_json(schema))


def _append(write: Transaction, prefix: bytes, layout: Layout, rows: Iterable[Change]) -> int:
    """Write the records of all entities of a new generation, whose prefix is the greatest."""
    now = now_micros()
    made = ((prefix + key, layout.refilled(None, found, now)) for key, found in by_entity(layout.encode, rows))
    records = sorted((key, record) for key, record in made if record is not None)
    with write.cursor() as cursor:
        cursor.putmulti(records, append=True)
    return len(records)


def _update(write: Transaction, prefix: bytes, layout: Layout, fill: Fill) -> int:
    now, changed = now_micros(), 0
    rows: dict[bytes, list[Change] | None] = dict.fromkeys(_pushed_keys(write, prefix))
    rows.update((key, []) for one in fill.gone if (key := layout.encode(one)) is not None)
    rows.update(by_entity(layout.encode, fill.rows))
    for key, found in sorted(rows.items()):
        before = write.get(prefix + key)
        changed += _put(write, prefix, layout, key, before, layout.refilled(before, found, now))
    return changed


def _merge(write: Transaction, prefix: bytes, layout: Layout, rows: Sequence[Change]) -> int:
    now, changed = now_micros(), 0
    found: dict[bytes, list[Change]] = {}
    for one in rows:
        key = layout.encode(one.keys)
        if key is not None:
            found.setdefault(key, []).append(one)
    for key, changes in sorted(found.items()):
        before = write.get(prefix + key)
        changed += _put(write, prefix, layout, key, before, layout.merged(before, changes, now))
    return changed


def _put(
    write: Transaction, prefix: bytes, layout: Layout, key: bytes, before: bytes | None, after: bytes | None
) -> bool:
    """Replace a record, and keep the list of those with pushes."""
    if before == after:
        return False
    if after is None:
        write.delete(prefix + key)
    else:
        write.put(prefix + key, after)
    pushed = _pushed_key(prefix) + key
    if layout.has_pushes(after):
        write.put(pushed, b"")
    elif layout.has_pushes(before):
        write.delete(pushed)
    return True


def _pushed_key(prefix: bytes) -> bytes:
    return _META + b"p" + prefix


def _pushed_keys(write: Transaction, prefix: bytes) -> list[bytes]:
    start = _pushed_key(prefix)
    return [key[len(start) :] for key, _ in _under(write, start)]


def _remove(write: Transaction, prefix: bytes) -> None:
    """Remove everything of a generation."""
    for start in (prefix, _pushed_key(prefix)):
        with write.cursor() as cursor:
            going = cursor.set_range(start)
            while going and cursor.key().startswith(start):
                going = cursor.delete()


def _under(read: Transaction, start: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What lies under keys that begin so."""
    with read.cursor() as cursor:
        if not cursor.set_range(start):
            return
        for key, value in cursor:
            if not key.startswith(start):
                return
            yield key, value
