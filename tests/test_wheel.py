"""The wheel holds the package `headrace`, its template included, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_only_headrace_is_at_the_top(names):
    assert {name.split("/")[0] for name in names} == {"headrace", "headrace-0.1.0.dist-info"}


def test_every_module_and_the_type_marker_are_in(names):
    sources = {path.relative_to(REPOSITORY / "src").as_posix() for path in (REPOSITORY / "src").rglob("*.py")}
    assert sources <= names
    assert "headrace/py.typed" in names


def test_the_template_is_the_repository_s_own_project(names):
    shared = [REPOSITORY / name for name in ("definitions.py", "workspace.yaml", "dagster.yaml")]
    shared += [*(REPOSITORY / "assets").glob("*.py"), *(REPOSITORY / "resources").glob("*.py")]
    assert {f"headrace/templates/shop/{path.relative_to(REPOSITORY).as_posix()}" for path in shared} <= names
    assert not [name for name in names if name.endswith(".pyc")]
