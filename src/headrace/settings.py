"""Where a project is and how it is set: [tool.headrace] in its pyproject.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from headrace.errors import ProjectError, closest, name_list


@dataclass(frozen=True)
class Settings:
    """What [tool.headrace] may say.

    Attributes:
        assets: the package with the declarations.
        data: the folder that relative source paths start from.
        store: the folder of versions and refs.
        environment: whose refs are read and moved.
        memory: the memory limit of a DuckDB instance, such as "8GB", of which a build uses two; empty for DuckDB's own.
    """

    assets: str = "assets"
    data: str = "data"
    store: str = ".headrace"
    environment: str = "dev"
    memory: str = ""


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose pyproject.toml has [tool.headrace]."""
    for folder in (start.resolve(), *start.resolve().parents):
        if "headrace" in _tools(folder / "pyproject.toml"):
            return folder
    raise ProjectError(
        f"{start.resolve()} is in no Headrace project: no pyproject.toml with [tool.headrace] here or above. "
        "Go to your project's folder, or make one with `headrace init DIR`."
    )


def read_settings(root: Path) -> Settings:
    """The settings of the project at `root`; raises ProjectError for one that does not exist."""
    path = root / "pyproject.toml"
    given = _tools(path).get("headrace", {})
    known = [field.name for field in fields(Settings)]
    for name, value in given.items():
        if name not in known:
            near = closest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ProjectError(f"{path}: unknown setting {name!r} in [tool.headrace].{hint} Known: {name_list(known)}.")
        if not isinstance(value, str):
            raise ProjectError(f"{path}: setting {name!r} in [tool.headrace] must be text, got {value!r}.")
    return Settings(**given)


def _tools(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}))
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path} cannot be read: {error}.") from error
