"""headrace init: a whole project, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

from headrace.cli import init
from headrace.cli.main import main
from headrace.cli.template import template_files
from headrace.examples import shop_data

SMALL = {"customers": 150, "products": 30, "days": 60, "impressions": 1_500}


@pytest.fixture
def generated(monkeypatch):
    """A smaller shop in place of the usual one; the seeds it was asked for."""
    seeds: list[int] = []
    generate = shop_data.generate

    def small(folder, *, seed):
        seeds.append(seed)
        return generate(folder, seed=seed, **SMALL)

    monkeypatch.setattr(shop_data, "generate", small)
    return seeds


def test_the_template_is_whole():
    names = set(template_files())
    wanted = {
        "pyproject.toml",
        "README.md",
        ".gitignore",
        "tests/test_project.py",
        "definitions.py",
        "workspace.yaml",
        "dagster.yaml",
    }
    assert wanted <= names
    assert {"assets/__init__.py", "assets/cascades.py", "resources/__init__.py"} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_a_project_that_plans(tmp_path, generated, capsys):
    folder = tmp_path / "new" / "shop"
    assert main(["init", str(folder), "--seed", "3"]) == 0
    assert generated == [3]
    assert f"cd {folder}" in capsys.readouterr().out
    assert tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["headrace"]["assets"] == "assets"
    command = [sys.executable, "-m", "headrace.cli.main", "plan", "--json"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    plan = json.loads(done.stdout)["assets"]
    assert "cascades/recommend" in [one["asset"] for one in plan]
    assert {reason["kind"] for one in plan for reason in one["reasons"]} == {"never_built"}


@pytest.mark.parametrize("kind", ["full", "file"])
def test_it_never_overwrites(tmp_path, kind, capsys, generated):
    target = tmp_path if kind == "full" else tmp_path / "note.txt"
    (tmp_path / "note.txt").write_text("mine")
    assert init.COMMAND.name == "init"
    assert main(["init", str(target)]) == 2
    assert "Nothing was written." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    assert generated == []
