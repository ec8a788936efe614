"""How planning grows with the number of assets, and what digesting costs beside writing."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.measure import OURS, ROUNDS, Case, interleave
from benchmarks.rebuild_contestants import finished
from benchmarks.rebuild_layouts import Files, write_files
from headrace.engine.session import connect, parquet, write_parquet
from headrace.store.digests import digest_table

_ASSETS_PER_MODULE = 100
_IMPORT = "python importing the declarations"
_COMMAND = (sys.executable, "-m", "headrace.cli.main")
_HERE = Path(__file__).parent


def run(quick: bool = False) -> list[Case]:
    sizes, tables = ((20,), (20_000,)) if quick else ((1_000, 10_000), (1_000_000, 5_000_000))
    rounds = 1 if quick else ROUNDS
    cases = [one for size in sizes for one in _commands(size, rounds)]
    return [*cases, *(_digest(rows, rounds) for rows in tables)]


def parents(number: int) -> tuple[int, ...]:
    """What view `number` reads: half of the views make chains, half make fans. -1 is the source."""
    return ((number - 1) // 2 if number % 2 else number - 1,) if number else (-1,)


def many_files(count: int) -> Files:
    """A project of `count` trivial assets: a source, and SQL views in modules of a hundred."""
    files = {"pyproject.toml": "[tool.headrace]\n", "assets/__init__.py": "", "assets/raw.py": _RAW}
    for first in range(0, count - 1, _ASSETS_PER_MODULE):
        numbers = range(first, min(first + _ASSETS_PER_MODULE, count - 1))
        files[f"assets/{_home(first)}.py"] = _module(numbers)
    return files


_RAW = """import headrace as hr

thing = hr.Entity("thing", keys=["id"])
numbers = hr.Source("numbers", path="numbers.parquet", keys=["id"])
"""


def _home(number: int) -> str:
    return f"part{number // _ASSETS_PER_MODULE}" if number >= 0 else "raw"


def _name(number: int) -> str:
    return f"v{number}" if number >= 0 else "numbers"


def _module(numbers: range) -> str:
    above = sorted({one for number in numbers for one in parents(number) if one not in numbers})
    lines = ["import headrace as hr", "", "from .raw import thing"]
    lines += [f"from .{_home(one)} import {_name(one)}" for one in above]
    return "\n".join([*lines, "", *(_view(number, *parents(number)) for number in numbers)])


def _view(number: int, parent: int) -> str:
    table = _name(parent)
    query = (
        f"select id, value + {number % 7} as value, 'v{number}' as label from {{{table}}} where value >= {number % 3}"
    )
    return f'\n@hr.feature_view(entity=thing)\ndef v{number}({table}={table}):\n    return f"{query}"\n'


def _commands(count: int, rounds: int) -> list[Case]:
    """`plan` and `build` of a project whose every asset is built: the store is filled first, which takes minutes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, many_files(count))
        (folder / "data").mkdir()
        with duckdb.connect() as connection:
            query = "select i as id, i * 10 as value from range(3) as t(i)"
            connection.execute(f"copy ({query}) to '{folder / 'data' / 'numbers.parquet'}' (format parquet)").fetchall()
        finished([sys.executable, _HERE / "rebuild_unrecorded.py", "--unsafe"], folder)
        modules = ", ".join(f"assets.{path.stem}" for path in sorted((folder / "assets").glob("part*.py")))
        floor = partial(finished, [sys.executable, "-c", f"import {modules}"], folder)
        return [_command(command, count, folder, floor, rounds) for command in ("plan", "build")]


def _command(command: str, count: int, folder: Path, floor: Callable[[], str], rounds: int) -> Case:
    calls = {OURS: partial(finished, [*_COMMAND, command, "--json"], folder), _IMPORT: floor}
    timings, said = interleave(calls, rounds=rounds)
    told = json.loads(said[OURS])
    fresh = told["fresh"] if command == "build" else [one for one in told["assets"] if one["state"] == "fresh"]
    title = f"`headrace {command}` of {count:,} built assets"
    return Case(title, timings, f"it found {len(fresh):,} fresh", frozenset({_IMPORT}))


_WRITE = "writing it as Parquet"
_COLUMNS = (
    "i as id",
    *(f"hash(i, {number})::double / 1e15 as measure{number}" for number in range(8)),
    *(f"(hash(i, {number}, 'n') % 100000)::bigint as count{number}" for number in range(5)),
    *(f"'name' || hash(i, {number}, 't') % 5000 as name{number}" for number in range(4)),
    "timestamp '2024-01-01' + interval (i % 1000000) second as seen_at",
    "i % 3 = 0 as flag",
)


def _digest(rows: int, rounds: int) -> Case:
    with tempfile.TemporaryDirectory() as folder, connect(scratch=Path(folder)) as connection:
        path = Path(folder) / "table.parquet"
        connection.execute(
            f"create temp table made as select {', '.join(_COLUMNS)} from range({rows}) as t(i)"
        ).fetchall()
        calls = {
            OURS: lambda: digest_table(connection, parquet(path)),
            _WRITE: lambda: write_parquet(connection, "select * from made", path),
        }
        calls[_WRITE]()
        timings, results = interleave(calls, rounds=rounds)
        again = digest_table(connection, "made")
    assert again == results[OURS]
    share = timings[OURS].wall / timings[_WRITE].wall
    said = f"the same digest of the file and of the table it was written from. Digesting takes {share:.1%} of writing"
    return Case(f"digest of {rows:,} rows x {len(_COLUMNS)} columns", timings, said, frozenset({_WRITE}))
