"""Connections that share a DuckDB instance and see nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from headrace.engine.sessions import Sessions


class Scratch:
    """Counts the folders that are in use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.used = 0

    @contextmanager
    def __call__(self) -> Iterator[Path]:
        self.used += 1
        yield self._folder
        self.used -= 1


@pytest.fixture
def scratch(tmp_path):
    return Scratch(tmp_path)


def test_what_one_makes_no_other_sees(scratch):
    sessions = Sessions(scratch)
    with sessions.catalogue() as one, sessions.catalogue() as other:
        for connection, value in ((one, 1), (other, 2)):
            connection.execute(f"create schema features; create view features.a as select {value} as x").fetchall()
            connection.execute("create temp table t as select 1").fetchall()
        assert [one.sql("from features.a").fetchall(), other.sql("from features.a").fetchall()] == [[(1,)], [(2,)]]


def test_instances_live_while_somebody_works(scratch):
    sessions = Sessions(scratch)
    with sessions:
        for _ in range(3):
            with sessions.catalogue() as connection:
                assert connection.sql(
                    "select count(*) from duckdb_schemas() where schema_name = 'mine'"
                ).fetchall() == [(0,)]
                connection.execute("create schema mine").fetchall()
        with sessions.catalogue(one_thread=True):
            assert scratch.used == 2
    assert scratch.used == 0


@pytest.mark.parametrize("one_thread", [True, False])
def test_threads(scratch, one_thread):
    with Sessions(scratch).catalogue(one_thread=one_thread) as connection:
        threads = connection.sql("select current_setting('threads')").fetchall()[0][0]
    assert (threads == 1) is one_thread or duckdb.sql("select current_setting('threads')").fetchall() == [(1,)]


def test_a_failure_leaves_nothing_behind(scratch):
    sessions = Sessions(scratch)
    with sessions:
        with pytest.raises(ZeroDivisionError), sessions.catalogue():
            raise ZeroDivisionError
        with sessions.catalogue() as connection:
            found = connection.sql(
                "select count(*) from duckdb_databases() where database_name like 'work%'"
            ).fetchall()
    assert (found, scratch.used) == ([(1,)], 0)


def test_a_memory_limit(scratch):
    with Sessions(scratch, "123MB").catalogue() as connection:
        limit = connection.sql("select current_setting('memory_limit')").fetchall()[0][0]
    assert limit.startswith("117.3")
