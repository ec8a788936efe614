"""The command line in a process of its own after each edit: whatever it remembers from earlier runs is never stale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

ASSETS = """
import json
import os
from pathlib import Path

import headrace as hr
import polars as pl
import toolbox

from .deep import numbers

SETTINGS = json.loads((Path(__file__).parent / "settings.json").read_text())
FACTOR = int(os.environ.get("FACTOR", "1"))
entity = hr.Entity("entity", keys=["k"])
rows = hr.Source("rows", path="rows.csv", keys=["k"])


@hr.feature_view(entity=entity)
def by_module(rows: pl.DataFrame):
    return rows.select("k", v=pl.col("x") * toolbox.RATE)


@hr.feature_view(entity=entity)
def by_file(rows: pl.DataFrame):
    return rows.select("k", v=pl.col("x") * SETTINGS["rate"])


@hr.feature_view(entity=entity)
def by_environment(rows):
    return f"select k, x * {FACTOR} as v from {rows}"


@hr.feature_view(entity=entity)
def by_package(rows):
    return f"select k, x * {numbers.RATE} as v from {rows}"


@hr.feature_view(entity=entity)
def by_late_import(rows: pl.DataFrame):
    from .late import RATE

    return rows.select("k", v=pl.col("x") * RATE)
"""
FILES = {
    "pyproject.toml": "[tool.headrace]\n",
    "toolbox.py": "RATE = 1\n",
    "assets/__init__.py": ASSETS,
    "assets/settings.json": '{"rate": 1}',
    "assets/late.py": "RATE = 1\n",
    "assets/deep/__init__.py": "",
    "assets/deep/numbers.py": "RATE = 1\n",
    "data/rows.csv": "k,x\n3,10\n4,20\n",
}
ADDED = """
import headrace as hr
from . import entity, rows


@hr.feature_view(entity=entity)
def added(rows):
    return f"select k, x * 2 as v from {rows}"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def build(root: Path, **environment: str) -> set[str]:
    """What the command line computes."""
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, "-m", "headrace.cli.main", "build", "--json"]
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return {key.rpartition("/")[2] for key in json.loads(done.stdout)["built"]}


def values(root: Path, name: str) -> list[int]:
    """The current values of a view."""
    version = json.loads((root / ".headrace/refs/dev.json").read_text())["assets"][f"features/{name}"]
    return (
        pl.read_parquet(root / ".headrace/objects/features" / name / version / "data.parquet").sort("k")["v"].to_list()
    )


def edit(name: str) -> Callable[[Path], None]:
    """1 becomes 2 and nothing else shows it: neither the size nor the time of modification."""

    def change(root: Path) -> None:
        path = root / name
        times = path.stat()
        path.write_text(path.read_text().replace("1", "2"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return change


FRESH = {
    "toolbox.py": "by_module",
    "assets/settings.json": "by_file",
    "assets/late.py": "by_late_import",
    "assets/deep/numbers.py": "by_package",
}


def test_every_edit_is_seen_by_the_next_process(root: Path) -> None:
    assert build(root) == {"rows", *FRESH.values(), "by_environment"}
    for names in (("toolbox.py", "assets/late.py"), ("assets/settings.json", "assets/deep/numbers.py")):
        for name in names:
            edit(name)(root)
        assert build(root) == {FRESH[name] for name in names}
        for name in names:
            assert values(root, FRESH[name]) == [20, 40]
    assert build(root, FACTOR="2") == {"by_environment"}
    assert values(root, "by_environment") == [20, 40]
    assert build(root) == set()
    assert values(root, "by_environment") == [10, 20]


def test_a_new_module_and_a_removed_one_are_seen(root: Path) -> None:
    build(root)
    (root / "assets/more.py").write_text(ADDED)
    assert build(root) == {"added"}
    (root / "assets/more.py").unlink()
    edit("data/rows.csv")(root)
    assert build(root) == {"rows", *FRESH.values(), "by_environment"}
