"""`python rebuild_raw.py STATEMENTS TARGET JOBS [ours]`: the script that a person would write: every table as Parquet.

With one job the tables are made in the order of the script; with more, whatever has its inputs is made side by side,
by cursors of one connection. With `ours` files are laid out as Headrace's store has them: sorted by key.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb


def make(connection: duckdb.DuckDBPyConnection, path: Path, name: str, query: str, options: str = "") -> None:
    """Write one table, and a view for those that read it."""
    with connection.cursor() as cursor:
        cursor.execute(f"copy ({query}) to '{path}' (format parquet{options})").fetchall()
        cursor.execute(f"create view {name} as select * from '{path}'").fetchall()


def run(statements: Path, folder: Path, jobs: int, layout: str = "") -> list[str]:
    """Make every table; returns their names."""
    tables = json.loads(statements.read_text(encoding="utf-8"))
    calls = {name: (folder / f"{name}.parquet", name, query) for name, _, query, _ in tables}
    if layout == "ours":
        ordered = {name: f"select * from ({query}) order by {key}" for name, _, query, key in tables}
        calls = {name: (*call[:2], ordered[name], ", compression snappy") for name, call in calls.items()}
    folder.mkdir(parents=True, exist_ok=True)
    order = TopologicalSorter({name: inputs for name, inputs, _, _ in tables})
    order.prepare()
    running: dict[Future[None], str] = {}
    with duckdb.connect() as connection, ThreadPoolExecutor(jobs) as pool:
        while order.is_active():
            running |= {pool.submit(make, connection, *calls[one]): one for one in order.get_ready()}
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                order.done(running.pop(future))
    return list(calls)


if __name__ == "__main__":
    print(json.dumps({"built": run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])}))
