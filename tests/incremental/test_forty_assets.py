"""Forty assets under a hostile list of edits: exactly what must be is computed, and equals a full build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.builder.build import build
from headrace.builder.project import Project
from tests.incremental.contents import Content, read_contents
from tests.incremental.forty_data import write_data
from tests.incremental.forty_edits import EDITS, Edit
from tests.incremental.incremental import (
    assert_equal,
    assert_nothing_to_do,
    build_as_planned,
    full_rebuild,
    loaded,
    rebuild_below,
    succeeded,
)

PACKAGE = "forty"
# By default only what depends on an edit is built from nothing to compare with, which takes a third of the time.
THOROUGH = "HEADRACE_FUZZ" in os.environ
BY_NAME = {edit.name: edit for edit in EDITS}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Content]]:
    """The project as it was built first, and what it holds."""
    root = tmp_path_factory.mktemp("forty") / "base"
    shutil.copytree(Path(__file__).parent / "forty_assets", root, ignore=shutil.ignore_patterns("__pycache__"))
    write_data(root / "data")
    with loaded(root, PACKAGE) as project:
        assert len(project.graph.keys) == 40
        succeeded(build(project))
        assert_nothing_to_do(project)
        return root, read_contents(project)


@pytest.fixture
def root(base: tuple[Path, dict[str, Content]], tmp_path: Path) -> Path:
    """A copy of the built project."""
    return Path(shutil.copytree(base[0], tmp_path / "copy"))


def keys(project: Project, names: str) -> set[str]:
    known = {key.rpartition("/")[2]: key for key in project.graph.keys}
    return {*project.graph.keys} if names == "*" else {known[name] for name in names.split()}


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_exactly_what_must_be_is_computed(edit: Edit, root: Path, base: tuple[Path, dict[str, Content]]) -> None:
    edit.do(root)
    with loaded(root, PACKAGE) as project:
        assert build_as_planned(project) == keys(project, edit.built)
        found = read_contents(project)
        if edit.as_before:
            before = {key: base[1][key] for key in project.graph.keys if not key.startswith("sources/")}
            assert_equal({key: found[key] for key in before}, before)
        elif THOROUGH:
            assert_equal(found, full_rebuild(project, root.parent / "full"))
        else:
            assert_equal(found, rebuild_below(project, keys(project, edit.built), root.parent / "full"))
        assert_nothing_to_do(project)


UNDONE = ("late file", "row duplicated", "column renamed with its readers", "constant of another module", "window")


@pytest.mark.parametrize("name", [*UNDONE, "type changed, that goes on", "nested estimator parameter"])
def test_an_undone_edit_computes_nothing(name: str, root: Path, base: tuple[Path, dict[str, Content]]) -> None:
    BY_NAME[name].do(root)
    with loaded(root, PACKAGE) as project:
        build_as_planned(project)
    for folder in ("data", PACKAGE):
        shutil.rmtree(root / folder)
        shutil.copytree(base[0] / folder, root / folder)
    with loaded(root, PACKAGE) as project:
        assert build_as_planned(project) == set()
        assert_equal(read_contents(project), base[1])
        assert_nothing_to_do(project)


def headrace(root: Path, *arguments: str) -> dict[str, object]:
    """What the command line prints, from a process of its own."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "headrace.cli.main", *arguments, "--json"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def test_the_command_line_computes_the_same(root: Path) -> None:
    expected = set()
    for name in ("sources touched", "nested estimator parameter", "late file"):
        BY_NAME[name].do(root)
        with loaded(root, PACKAGE) as project:
            expected |= keys(project, BY_NAME[name].built)
    assert set(headrace(root, "build")["built"]) == expected
    assert headrace(root, "build")["built"] == []
    with loaded(root, PACKAGE) as project:
        assert_equal(read_contents(project), full_rebuild(project, root.parent / "full"))
        assert_nothing_to_do(project)
