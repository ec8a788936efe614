"""Who builds the 30 nodes, as whole processes: Headrace, and a script of raw SQL. The peers are in `rebuild_peers`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks import rebuild_raw
from benchmarks.measure import Timing, cpu_seconds
from benchmarks.rebuild_layouts import headrace_files, raw_files, write_files
from benchmarks.rebuild_project import Node, Scenario
from benchmarks.rebuild_unrecorded import build_in

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Place:
    """A Parquet file, or a table of a DuckDB file."""

    path: Path
    table: str = ""


class Contestant(ABC):
    """A tool with the project in a folder of its own.

    Attributes:
        name: what reports call it.
        keeps: the files and folders in which it remembers what it has built.
    """

    name: str
    keeps: tuple[str, ...] = ()

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def write(self, nodes: Sequence[Node]) -> None:
        """Write the project with these nodes."""

    @abstractmethod
    def build(self, scenario: Scenario) -> list[str]:
        """Build what changed as a user of the tool would; returns the names of the nodes that ran."""

    @abstractmethod
    def place(self, node: str) -> Place:
        """Where a node's table is."""

    def timed(self, scenario: Scenario) -> tuple[list[str], Timing]:
        """Build; whole processes, every thread and child of them counted."""
        cpu, wall = cpu_seconds(), time.perf_counter()
        built = self.build(scenario)
        return built, Timing(time.perf_counter() - wall, cpu_seconds() - cpu)

    def forget(self) -> None:
        """Back to a project that was never built."""
        for name in self.keeps:
            _remove(self.folder / name)

    def save(self) -> None:
        """Remember what it remembers now."""
        _remove(self._saved)
        self._saved.mkdir()
        for name in self.keeps:
            _copy(self.folder / name, self._saved / name)

    def restore(self) -> None:
        """Go back to what was saved."""
        self.forget()
        for name in self.keeps:
            _copy(self._saved / name, self.folder / name)

    @property
    def _saved(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.saved")

    def _run(self, *command: str | Path, environment: Mapping[str, str] | None = None) -> str:
        return finished(command, self.folder, environment)


def finished(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a process wrote to stdout; raises RuntimeError with everything it said when it fails."""
    said = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed in {folder}:\n{said.stdout}\n{said.stderr}")
    return said.stdout


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target)
    elif path.is_file():
        shutil.copy2(path, target)


class Headrace(Contestant):
    """The command line, as a user has it: `headrace build`."""

    name = "headrace"
    keeps = (".headrace", "headrace.duckdb")

    def write(self, nodes: Sequence[Node]) -> None:
        files = headrace_files(nodes)
        files["pyproject.toml"] = f"[tool.headrace]\ndata = {json.dumps(str(self.data))}\n"
        write_files(self.folder, files)

    def build(self, scenario: Scenario) -> list[str]:
        return self._built(sys.executable, "-m", "headrace.cli.main", "build", "--json", "--quiet")

    def place(self, node: str) -> Place:
        return Place(self.folder / "headrace.duckdb", f"features.{node}")

    def _built(self, *command: str | Path) -> list[str]:
        # Away from any Dagster of the caller's own.
        said = self._run(*command, environment={"DAGSTER_HOME": ""})
        return [str(one) for one in json.loads(said)["built"]]


class Unrecorded(Headrace):
    """The same build, without telling Dagster."""

    name = "headrace, not recorded in Dagster"

    def build(self, scenario: Scenario) -> list[str]:
        return self._built(sys.executable, _HERE / "rebuild_unrecorded.py")


class Forked(Unrecorded):
    """The same, in processes that were forked after all imports: for tests, which have no time for those."""

    name = "headrace, forked"
    preload = ("headrace.builder.build", "duckdb", "numpy", "pandera.polars", "polars", "pyarrow", "sqlglot.lineage")

    def build(self, scenario: Scenario) -> list[str]:
        context = get_context("forkserver")
        context.set_forkserver_preload([*self.preload])
        with context.Pool(1) as pool:
            return pool.apply(build_in, (str(self.folder),))


class Materialized(Headrace):
    """Every asset launched in a Dagster run, as the webserver's *Materialize all* does."""

    name = "headrace, materialized by Dagster"

    def build(self, scenario: Scenario) -> list[str]:
        return self._built(sys.executable, _HERE / "rebuild_materialized.py")


class RawSql(Contestant):
    """A script of 30 statements: it knows no change and runs them all."""

    name = "raw SQL, one after the other"
    keeps = ("out",)
    jobs = 1
    layout: tuple[str, ...] = ()

    def write(self, nodes: Sequence[Node]) -> None:
        write_files(self.folder, raw_files(nodes, self.data))

    def build(self, scenario: Scenario) -> list[str]:
        script = _HERE / "rebuild_raw.py"
        said = self._run(sys.executable, script, "statements.json", "out", str(self.jobs), *self.layout)
        return [str(one) for one in json.loads(said)["built"]]

    def place(self, node: str) -> Place:
        return Place(self.folder / "out" / f"{node}.parquet")


class RawSqlHere(RawSql):
    """The same in this process, for tests."""

    name = "raw SQL, in this process"

    def build(self, scenario: Scenario) -> list[str]:
        return rebuild_raw.run(self.folder / "statements.json", self.folder / "out", self.jobs)


class RawSqlSideBySide(RawSql):
    """The same, independent branches side by side: what a build that knows everything beforehand can reach."""

    name = "raw SQL, branches side by side"
    jobs = max(2, os.cpu_count() or 1)


class RawSqlOurLayout(RawSqlSideBySide):
    """The same, with the files as our store has them: sorted by key for point-in-time joins, and compressed more."""

    name = "raw SQL, side by side, files sorted and compressed as ours"
    layout = ("ours",)
