"""The rules of the house: who may import whom, what an import loads, what is public, how long things are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import headrace
from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src"
PACKAGE = SOURCE / "headrace"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)

BOTTOM = {"errors", "settings"}
CORE = ["declarations", "lineage", "store", "engine", "builder"]
# What each package may import beside itself and what stands at the bottom.
MAY_IMPORT = {name: set(CORE[:number]) for number, name in enumerate(CORE)} | {
    "orchestration": set(CORE),
    "cli": {*CORE, "orchestration", "serving", "examples"},
    "serving": {"declarations", "lineage", "store", "engine"},
    "examples": set(),
    "errors": set(),
    "settings": set(),
}
HEAVY = ["dagster", "duckdb", "matplotlib", "numpy", "pandera", "polars", "pyarrow", "scipy", "sklearn", "sqlglot"]

PUBLIC = """
    Aggregate BagOfWords ByKey Cascade ColorHistogram ColumnSplit Cron Daily Entity FeatureService FeatureStore
    FeatureView GradientHistogram GroupSplit HeadraceError Hourly ImagePixels Impute Matrix Monthly OnChange
    OnDemand OneHot Request Source Stage Standardize TfIdf TimeSplit TrainingSet Transform Warehouse definitions
    feature_view on_demand published source
"""


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.lineno, str(node.module)


def part(module: str) -> str:
    """`engine` for `headrace.engine.session`."""
    return module.split(".")[1] if "." in module else "headrace"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows_point_one_way(path):
    own = name_of(path).split("/")[0]
    if own in ("__init__", "__main__"):
        return
    allowed = {own, *BOTTOM} | MAY_IMPORT[own]
    wrong = [
        f"line {line}: {module}"
        for line, module in imports(path)
        if module.split(".")[0] == "headrace" and part(module) not in allowed
    ]
    assert not wrong, f"{own} may import {sorted(allowed)}"


def test_only_orchestration_and_its_command_know_dagster():
    knows = {name_of(path) for path in MODULES for _, module in imports(path) if module.startswith("dagster")}
    assert {name.split("/")[0] for name in knows} <= {"orchestration", "cli"}


def test_one_module_opens_connections():
    opens = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "duckdb.connect"
    }
    assert opens == {"engine/session"}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import headrace", HEAVY),
        ("from headrace.builder.project import load_project", ["dagster", "sklearn", "matplotlib", "pandera"]),
        ("import headrace.serving", ["dagster", "matplotlib"]),
        ("from headrace.serving.feature_store import FeatureStore", HEAVY),
        ("import headrace.cli.main", ["dagster", "sklearn", "matplotlib", "pandera"]),
    ],
)
def test_an_import_loads_nothing_heavy(statement, absent):
    code = f"{statement}; import sys; print(*[name for name in {absent} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_public_names():
    assert sorted(headrace.__all__) == sorted(PUBLIC.split())
    assert headrace.__all__ == sorted(headrace.__all__)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'headrace' has no attribute 'Entitty'"):
        _ = headrace.Entitty


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_long(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 450
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    long = {node.name: length for node in functions if (length := body_lines(node)) > 60}
    assert not long


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert "TODO" not in text
    assert "FIXME" not in text
