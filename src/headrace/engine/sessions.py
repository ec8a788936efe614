"""Sessions: DuckDB instances that the assets of a project share, each asset with a catalogue of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import duckdb


class Sessions:
    """Connections for the time that somebody works: `with sessions:` may be nested, and the last to leave closes.

    Opening an instance takes longer than most statements, and its memory is new memory each time.

    Args:
        scratch: makes a folder for work larger than memory, and takes it away.
        memory: the limit of an instance, such as "8GB"; by default DuckDB's own, 80 % of the machine's.
    """

    def __init__(self, scratch: Callable[[], AbstractContextManager[Path]], memory: str = "") -> None:
        self._scratch = scratch
        self._memory = memory
        self._lock = Lock()
        self._users = 0
        self._open = ExitStack()
        self._instances: dict[bool, duckdb.DuckDBPyConnection] = {}
        self._numbers = count(1)

    def __enter__(self) -> Self:
        with self._lock:
            self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._instances.clear()
                self._open.close()

    @contextmanager
    def catalogue(self, *, one_thread: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose schemas, views and tables no other one sees.

        Args:
            one_thread: every query runs on the calling thread alone, so that sums of doubles come out the same.
        """
        with self:
            instance, name = self._instance(one_thread), f"work_{next(self._numbers)}"
            try:
                with instance.cursor() as connection:
                    connection.execute(f"attach ':memory:' as {name}; use {name}").fetchall()
                    yield connection
            finally:
                with instance.cursor() as connection:  # nobody detaches a catalogue that is in use
                    connection.execute(f"detach {name}").fetchall()

    def _instance(self, one_thread: bool) -> duckdb.DuckDBPyConnection:
        from headrace.engine.session import connect

        with self._lock:
            if one_thread not in self._instances:
                scratch = self._open.enter_context(self._scratch())
                threads = 1 if one_thread else None
                opened = connect(scratch=scratch / "spill", memory=self._memory or None, threads=threads)
                self._instances[one_thread] = self._open.enter_context(opened)
            return self._instances[one_thread]
