"""Incremental builds held against full ones and against what the model of the project says must be computed."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.builder.build import Report, build, plan_project
from headrace.builder.project import Project, load_project, project_from
from headrace.errors import EncodingError
from tests.incremental.contents import Content, difference, read_contents


@contextmanager
def loaded(root: Path, package: str) -> Iterator[Project]:
    """The project at `root` with its package imported anew, as a new process would."""
    path, written = [*sys.path], sys.dont_write_bytecode
    _forget(package)
    sys.dont_write_bytecode = True  # byte code is told from newer sources by whole seconds only
    importlib.invalidate_caches()
    try:
        yield load_project(root)
    finally:
        sys.path[:], sys.dont_write_bytecode = path, written
        _forget(package)


def _forget(package: str) -> None:
    for name in [one for one in sys.modules if one == package or one.startswith(f"{package}.")]:
        del sys.modules[name]


def full_rebuild(project: Project, folder: Path) -> dict[str, Content]:
    """Every asset's content, built from nothing in a store of its own below `folder`, which is removed again."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(f'[tool.headrace]\ndata = "{project.data_folder}"\n', encoding="utf-8")
    try:
        other = project_from(project.graph.nodes.values(), folder)
        succeeded(build(other))
        return read_contents(other)
    finally:
        shutil.rmtree(folder)


def rebuild_below(project: Project, keys: Iterable[str], folder: Path) -> dict[str, Content]:
    """As `full_rebuild`, but only `keys` and what depends on them are built from nothing; the rest is as it stands."""
    shutil.copytree(project.root, folder)
    try:
        other = project_from(project.graph.nodes.values(), folder)
        below = {key for one in keys for key in (one, *other.graph.descendants(one))}
        for key in below:
            for version in other.store.versions(key):
                shutil.rmtree(other.store.folder(key, version.version))
        other.store.refs(other.environment).move(dict.fromkeys(below))
        shutil.rmtree(other.store_folder / "cache")
        assert set(succeeded(build(other)).keys("built")) == below
        return read_contents(other)
    finally:
        shutil.rmtree(folder)


class NothingToFit(Exception):
    """Chance made a project of which an encoder's every value is missing, which is refused."""


def succeeded(report: Report) -> Report:
    if any(isinstance(error, EncodingError) and "nothing to fit" in str(error) for error in report.failed.values()):
        raise NothingToFit
    assert not report.failed, "\n".join(f"{key}: {error!r}" for key, error in report.failed.items())
    assert not report.skipped
    return report


def build_as_planned(project: Project) -> set[str]:
    """Build; what the plan promised must have happened. Returns what was computed."""
    planned = plan_project(project).steps
    report = succeeded(build(project))
    happened = {outcome.asset: outcome.state for outcome in report.outcomes}
    for key, step in planned.items():
        # While an input waits to be computed, nobody knows whether what it leads to was made before.
        built = ["built"] if step.fingerprint else ["built", "reused"]
        allowed = {"fresh": ["fresh"], "reuse": ["reused"], "build": built}.get(step.state, [*happened.values()])
        became = happened.get(key, "fresh")
        assert became in allowed, f"{key} was planned as {step.state} because of {step.reasons} and became {became}"
    return set(report.keys("built"))


def assert_nothing_to_do(project: Project) -> None:
    """A build right after a build finds everything fresh."""
    states = {key: step.state for key, step in plan_project(project).steps.items()}
    assert set(states.values()) <= {"fresh"}, states
    report = succeeded(build(project))
    assert (report.keys("built"), report.keys("reused")) == ([], [])


def assert_equal(found: Mapping[str, Content], expected: Mapping[str, Content]) -> None:
    """Every asset's content is what a full rebuild gives."""
    assert found.keys() == expected.keys()
    different = {key: difference(found[key], expected[key]) for key in expected}
    wrong = {key: text for key, text in different.items() if text is not None}
    assert not wrong, "differs from a full rebuild: " + "; ".join(f"{key}: {text}" for key, text in wrong.items())
