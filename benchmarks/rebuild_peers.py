"""dbt and SQLMesh over the same 30 nodes, each in an environment of its own under benchmarks/.venvs.

Both are asked as their manuals say: dbt by `source freshness` and then `build` of `state:modified+` and
`source_status:fresher+` against the last run's artifacts; SQLMesh by `plan --auto-apply`. Neither looks at the content
of a source. dbt takes its greatest timestamp; SQLMesh has to be told which source changed (`--restate-model`).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rebuild_contestants import Contestant, Place
from benchmarks.rebuild_layouts import dbt_files, sqlmesh_files, write_files
from benchmarks.rebuild_project import Node, Scenario

_VENVS = Path(__file__).with_name(".venvs")
_READY = "ready.txt"
_RAN = re.compile(r"^\[\d+/\d+\] +shop\.(\w+)", re.MULTILINE)
_QUIET = {"DO_NOT_TRACK": "1", "NO_COLOR": "1", "COLUMNS": "200"}


class Peer(Contestant):
    """A tool that is installed when first asked for.

    Attributes:
        command: its program in its environment.
        package: whose version is shown.
        requirements: what pip is asked for.
    """

    command: str
    package: str
    requirements: tuple[str, ...]

    @classmethod
    def install(cls) -> str:
        """Make its environment unless it is there; returns "" or why that is not possible."""
        if cls.installed():
            return ""
        home = _VENVS / cls.command
        shutil.rmtree(home, ignore_errors=True)
        pip = [str(cls.python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", str(home)], [*pip, *cls.requirements]):
            said = subprocess.run(command, capture_output=True, text=True, check=False)
            if said.returncode:
                return f"{cls.command} cannot be installed here: {_reason(said.stderr or said.stdout)}"
        (home / _READY).write_text("\n".join(cls.requirements), encoding="utf-8")
        return ""

    @classmethod
    def installed(cls) -> bool:
        """Whether its environment is there, with what is asked for now."""
        ready = _VENVS / cls.command / _READY
        return ready.is_file() and ready.read_text(encoding="utf-8") == "\n".join(cls.requirements)

    @classmethod
    def python(cls) -> Path:
        """The Python of its environment."""
        return _VENVS / cls.command / "bin" / "python"

    @classmethod
    def title(cls) -> str:
        """Its name with the version that was installed."""
        code = f"from importlib.metadata import version; print(version({cls.package!r}))"
        said = subprocess.run([cls.python(), "-c", code], capture_output=True, text=True)
        return f"{cls.name} {said.stdout.strip()}"

    def _tool(self, *arguments: str) -> str:
        return self._run(_VENVS / self.command / "bin" / self.command, *arguments, environment=_QUIET)


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if "error" in line.lower()]
    return lines[0] if lines else (said.strip().splitlines() or ["no reason given"])[-1]


class Dbt(Peer):
    """dbt-core: `state:modified+` knows text, `source_status:fresher+` knows timestamps."""

    name = "dbt-core"
    command = "dbt"
    package = "dbt-core"
    # From 1.12 on, dbt-core needs a parser that pip cannot install from a package index alone.
    requirements = ("dbt-core<1.12", "dbt-duckdb")
    keeps = ("shop.duckdb", "target", "state")

    def write(self, nodes: Sequence[Node]) -> None:
        write_files(self.folder, dbt_files(nodes, self.data))

    def build(self, scenario: Scenario) -> list[str]:
        target, state = self.folder / "target", self.folder / "state"
        (target / "run_results.json").unlink(missing_ok=True)
        self._tool("source", "freshness", "--profiles-dir", ".")
        changed = ["--select", "state:modified+", "source_status:fresher+", "--state", "state"]
        self._tool("build", "--profiles-dir", ".", *(changed if state.is_dir() else ()))
        state.mkdir(exist_ok=True)
        for name in ("manifest.json", "sources.json"):
            shutil.copy2(target / name, state / name)
        results = target / "run_results.json"
        ran = json.loads(results.read_text(encoding="utf-8"))["results"] if results.is_file() else []
        return [str(one["unique_id"]).rpartition(".")[2] for one in ran if one["status"] == "success"]

    def place(self, node: str) -> Place:
        return Place(self.folder / "shop.duckdb", f"main.{node}")


class SqlMesh(Peer):
    """SQLMesh: canonical SQL and kept versions; of changed data it has to be told."""

    name = "SQLMesh"
    command = "sqlmesh"
    package = "sqlmesh"
    requirements = ("sqlmesh[duckdb]",)
    keeps = ("shop.duckdb", ".cache")

    def write(self, nodes: Sequence[Node]) -> None:
        write_files(self.folder, sqlmesh_files(nodes, self.data))

    def build(self, scenario: Scenario) -> list[str]:
        told = ("--restate-model", f"shop.{scenario.data.source}") if scenario.data else ()
        said = self._tool("plan", "--auto-apply", "--no-prompts", *told)
        return sorted(set(_RAN.findall(said)))

    def place(self, node: str) -> Place:
        return Place(self.folder / "shop.duckdb", f"shop.{node}")


class SqlMeshUntold(SqlMesh):
    """What happens when nobody says that a source changed: `sqlmesh run`."""

    name = "SQLMesh, `run`"

    def build(self, scenario: Scenario) -> list[str]:
        return sorted(set(_RAN.findall(self._tool("run")))) if scenario.data else super().build(scenario)
