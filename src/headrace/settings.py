"""Where a project is and how it is set: [tool.headrace] in its pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from headrace.errors import ProjectError, closest, name_list

_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LAYERS = ("sources", "features", "services", "training_sets", "transforms", "matrices", "cascades")


@dataclass(frozen=True)
class Governance:
    """What [tool.headrace.governance] says: what declarations must tell, and which columns may be shown.

    Attributes:
        require_owners: the layers whose declarations must name an owner.
        require_tags: the tags that the declarations of a layer must have, by layer.
        allow_sensitive: columns that may be shown and served although they are sensitive or come from one that is, as
            "features/contact.email_hash"; `*` stands for any text.
    """

    require_owners: tuple[str, ...] = ()
    require_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_sensitive: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What [tool.headrace] may say.

    Attributes:
        assets: the package with the declarations.
        data: the folder that relative source paths start from.
        store: the folder of versions and refs.
        environment: whose refs are read and moved.
        memory: the memory limit of a DuckDB instance, such as "8GB", of which a build uses two; empty for DuckDB's own.
        governance: see Governance.
        online: where current values are kept: `url`, as "redis://localhost:6379/0"; by default LMDB in the store.
    """

    assets: str = "assets"
    data: str = "data"
    store: str = ".headrace"
    environment: str = "dev"
    memory: str = ""
    governance: Governance = field(default_factory=Governance)
    online: Mapping[str, str] = field(default_factory=dict)


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
    _refuse_unknown(path, "tool.headrace", given, [field.name for field in fields(Settings)])
    for name, value in given.items():
        if name not in _TABLES and not isinstance(value, str):
            raise ProjectError(f"{path}: setting {name!r} in [tool.headrace] must be text, got {value!r}.")
    tables = {name: read(path, given.get(name, {})) for name, read in _TABLES.items()}
    return Settings(**{**given, **tables})


def _refuse_unknown(path: Path, table: str, given: Any, known: list[str]) -> None:
    if not isinstance(given, dict):
        raise ProjectError(f"{path}: [{table}] must be a table, got {given!r}.")
    for name in given:
        if name not in known:
            near = closest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ProjectError(f"{path}: unknown setting {name!r} in [{table}].{hint} Known: {name_list(known)}.")


def _governance(path: Path, given: Any) -> Governance:
    where = f"{path}: [tool.headrace.governance]"
    _refuse_unknown(path, "tool.headrace.governance", given, [field.name for field in fields(Governance)])
    owners = given.get("require_owners", [])
    tags = given.get("require_tags", {})
    if not isinstance(tags, dict):
        tags = dict.fromkeys(_LAYERS, tags)
    return Governance(
        require_owners=_layers(where, {True: _LAYERS, False: ()}[owners] if isinstance(owners, bool) else owners),
        require_tags={
            layer: _texts(f"{where} require_tags", names) for layer, names in tags.items() if _layers(where, [layer])
        },
        allow_sensitive=_texts(f"{where} allow_sensitive", given.get("allow_sensitive", [])),
    )


def _layers(where: str, given: Any) -> tuple[str, ...]:
    found = _texts(f"{where} require_owners", given)
    for name in found:
        if name not in _LAYERS:
            raise ProjectError(f"{where} names no layer: {name!r}. Layers: {name_list(_LAYERS)}.")
    return found


def _texts(where: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise ProjectError(f"{where} must be a list of texts, got {given!r}.")
    return tuple(given)


def _online(path: Path, given: Any) -> Mapping[str, str]:
    _refuse_unknown(path, "tool.headrace.online", given, ["url"])
    url = given.get("url", "")
    if not isinstance(url, str) or (url and not url.startswith(("redis://", "rediss://", "unix://"))):
        fix = 'As in url = "redis://localhost:6379/0".'
        raise ProjectError(f"{path}: [tool.headrace.online] url must begin with redis://, got {url!r}. {fix}")
    return {"url": url} if url else {}


_TABLES: dict[str, Callable[[Path, Any], Any]] = {"governance": _governance, "online": _online}


def check_environment(name: str) -> str:
    """`name`, if an environment can be called so."""
    if not _ENVIRONMENT.fullmatch(name):
        raise ProjectError(f"environment {name!r} cannot be used as a name. Use letters, digits, _ and -.")
    return name


def _tools(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}))
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path} cannot be read: {error}.") from error
