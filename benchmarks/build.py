"""Whole-process `headrace build` of the shop that `headrace init` makes: cold, and with nothing changed.

The floor is Python importing the project's declarations, which no build of it can do without. It does no part of a
build's work: its ratio says what a command costs beyond starting.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import OURS, Case, interleave

COLD, AGAIN = "cold", "nothing changed"
IMPORT = "python importing the assets package alone"
IMPORT_ALL = "python importing every module of assets"
QUICK_TARGET = "features/customer_profile"


def run(quick: bool = False) -> list[Case]:
    target, rounds = ([QUICK_TARGET], 1) if quick else ([], 3)
    what = QUICK_TARGET if quick else "the whole shop"
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "shop"
        _headrace("init", str(project), cwd=Path(folder))
        floors = _floors(project, quick)
        commands = {COLD: lambda: _cold(project, target), AGAIN: lambda: _headrace("build", *target, cwd=project)}
        # Rotated, every order of these still has a build before each AGAIN.
        timings, said = interleave({**commands, **floors}, rounds=rounds, warm=False)
    said_cold, said_again = (said[name].strip().splitlines()[-1] for name in commands)
    cold, again = ({OURS: timings[name], **{floor: timings[floor] for floor in floors}} for name in commands)
    assert " built in " in said_cold
    assert " fresh in " in said_again
    return [
        Case(f"cold, {what}", cold, f"it said: {said_cold}", frozenset(floors)),
        Case(f"nothing changed, {what}", again, f"it said: {said_again}", frozenset(floors)),
    ]


def _floors(project: Path, quick: bool) -> dict[str, Callable[[], str]]:
    modules = sorted(path.stem for path in (project / "assets").glob("*.py") if path.stem != "__init__")
    every = "; ".join(f"import assets.{name}" for name in modules)
    code = {IMPORT: "import assets"} if quick else {IMPORT: "import assets", IMPORT_ALL: every}
    return {name: lambda text=text: _finished([sys.executable, "-c", text], project) for name, text in code.items()}


def _cold(project: Path, target: list[str]) -> str:
    shutil.rmtree(project / ".headrace", ignore_errors=True)
    (project / "headrace.duckdb").unlink(missing_ok=True)
    return _headrace("build", *target, cwd=project)


def _headrace(*arguments: str, cwd: Path) -> str:
    code = "import sys; from headrace.cli.main import main; sys.exit(main())"
    return _finished([sys.executable, "-c", code, *arguments], cwd)


def _finished(command: list[str], cwd: Path) -> str:
    return subprocess.run(
        command, cwd=cwd, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ).stdout
