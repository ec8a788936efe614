"""The profile of a version: made when somebody first asks, and kept as long as the version is there.

Making it takes some 0.07 s for a small table and 0.2 s for one of two million rows and twelve columns, which takes
1 s to write: too much for every build to wait for.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.builder.project import Project
from headrace.builder.sensitivity import Sensitivity
from headrace.store.atomic import write_atomically
from headrace.store.manifest import FILE_NAME, MAIN_TABLE, Manifest

if TYPE_CHECKING:
    from headrace.engine.profiles import Profile


def profile_of(project: Project, manifest: Manifest, sensitivity: Sensitivity | None = None) -> Profile:
    """The profile of a version's main table; of sensitive columns it has the type and the number of nulls alone."""
    hidden = (sensitivity or Sensitivity(project)).of(manifest)
    known = kept_profile(project, manifest)
    names = {name for name, _ in manifest.columns} & set(hidden)
    if known is not None and {one.name for one in known.columns if one.hidden} == names:
        return known
    from headrace.engine.profiles import profile_table

    table = project.store.folder(manifest.asset, manifest.version) / MAIN_TABLE
    made = profile_table(table, names, project.memory or None)
    path = _path(project, manifest)
    _forget_deleted(project, manifest, path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(made.to_json()), durable=False)
    return made


def kept_profile(project: Project, manifest: Manifest) -> Profile | None:
    """The profile of a version where it was made before; nothing is computed."""
    from headrace.engine.profiles import profile_in

    try:
        return profile_in(json.loads(_path(project, manifest).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None  # never made, or written by something else: it is made again


def _path(project: Project, manifest: Manifest) -> Path:
    return project.store_folder / "cache" / "profiles" / manifest.asset / f"{manifest.version}.json"


def _forget_deleted(project: Project, manifest: Manifest, folder: Path) -> None:
    for path in folder.glob("*.json"):
        if not (project.store.folder(manifest.asset, path.stem) / FILE_NAME).exists():
            with suppress(FileNotFoundError):
                path.unlink()
