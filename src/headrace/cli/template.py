"""The shop that `headrace init` makes: where its files are, and how they are copied."""

from __future__ import annotations

import shutil
from pathlib import Path

from headrace.errors import ProjectError

_PACKAGE = Path(__file__).resolve().parents[1]
_SHARED = ("assets", "resources", "definitions.py", "workspace.yaml", "dagster.yaml")
# A file called .gitignore would hide files from the tool that makes the wheel.
_RENAMED = {"gitignore": ".gitignore"}


def template_files() -> dict[str, Path]:
    """Every file of the project, by its path in it.

    The declarations exist once, at the root of Headrace's repository; the wheel holds a copy beside the rest.
    """
    own = _PACKAGE / "templates" / "shop"
    shared = own if (own / "assets").is_dir() else _PACKAGE.parents[1]
    missing = [name for name in _SHARED if not (shared / name).exists()]
    if missing:
        raise ProjectError(
            f"This installation of headrace lacks its template ({shared / missing[0]}). Install it again."
        )
    files = _below(own, own)
    for name in _SHARED:
        files |= _below(shared / name, shared)
    return {_RENAMED.get(name, name): path for name, path in sorted(files.items())}


def _below(path: Path, root: Path) -> dict[str, Path]:
    found = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {one.relative_to(root).as_posix(): one for one in found if "__pycache__" not in one.parts}


def copy_template(folder: Path) -> None:
    """Write the project into `folder`, which must be empty or not exist; raises ProjectError otherwise."""
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is a file. Name a new folder. Nothing was written.")
    if folder.is_dir() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is not empty. Name a new folder. Nothing was written.")
    for name, path in template_files().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
