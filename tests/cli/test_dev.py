"""headrace dev: becomes `dagster dev` with the project's instance."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What the process would have become."""
    calls: list[tuple[list[str], str]] = []
    stub = types.ModuleType("headrace.orchestration.instance")
    stub.dagster_home = lambda project: tmp_path / "home"
    monkeypatch.setitem(sys.modules, "headrace.orchestration.instance", stub)
    monkeypatch.setattr(os, "execve", lambda path, command, env: calls.append((command, env.get("DAGSTER_HOME"))))
    return calls


@pytest.mark.parametrize(
    ("file", "code"), [("workspace.yaml", ["-w", "workspace.yaml"]), ("definitions.py", ["-m", "definitions"])]
)
def test_it_runs_dagster_dev(tiny, tmp_path, started, file, code, monkeypatch):
    (tiny.root / file).write_text("")
    monkeypatch.chdir(tiny.root / "data")
    tiny.run("dev", "--port", "4000")
    ((command, home),) = started
    assert command == [sys.executable, "-m", "dagster", "dev", *code, "-h", "127.0.0.1", "-p", "4000"]
    assert home == str(tmp_path / "home")
    assert Path.cwd() == tiny.root


def test_a_project_with_dagster_settings_keeps_them(tiny, started, monkeypatch):
    """Dagster reads dagster.yaml of the folder only where DAGSTER_HOME is not set."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for file in ("workspace.yaml", "dagster.yaml"):
        (tiny.root / file).write_text("")
    monkeypatch.chdir(tiny.root)
    tiny.run("dev")
    ((_, home),) = started
    assert home is None


def test_it_says_what_is_missing(tiny, started, capsys):
    assert tiny.run("dev") == 2
    assert "neither workspace.yaml nor definitions.py" in capsys.readouterr().err
    assert started == []
