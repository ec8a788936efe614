"""Two processes build the same project at once after an edit: both succeed and nothing is computed twice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from headrace.builder.build import build
from tests.incremental.contents import read_contents
from tests.incremental.forty_data import write_data
from tests.incremental.forty_edits import EDITS
from tests.incremental.incremental import assert_equal, assert_nothing_to_do, full_rebuild, loaded, succeeded

PROGRAM = """
import json
import sys
from headrace.builder.build import build
from headrace.builder.project import load_project
project = load_project()
print("ready", flush=True)
input()
report = build(project, jobs=2)
assert not report.failed and not report.skipped, (report.failed, report.skipped)
print(json.dumps(report.keys("built")))
"""


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    edit = next(one for one in EDITS if one.name == "column shuffled between rows")
    root = tmp_path / "project"
    shutil.copytree(Path(__file__).parent / "forty_assets", root, ignore=shutil.ignore_patterns("__pycache__"))
    write_data(root / "data")
    with loaded(root, "forty") as project:
        succeeded(build(project))
    edit.do(root)
    made = _build_twice_at_once(root)
    with loaded(root, "forty") as project:
        assert_nothing_to_do(project)
        assert sorted(key.rpartition("/")[2] for key in made) == sorted(edit.built.split())
        assert_equal(read_contents(project), full_rebuild(project, tmp_path / "full"))
        assert not list((project.store_folder / "drafts").iterdir())


def _build_twice_at_once(root: Path) -> list[str]:
    """Everything that either process computed, with repeats."""
    command = [sys.executable, "-B", "-c", PROGRAM]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=root, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    made = []
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        made += json.loads(output)
    return made
