"""Versions as people name them: by a prefix, as current or previous, or as what an environment has."""

from __future__ import annotations

from headrace.builder.project import Project
from headrace.errors import HeadraceError, NotBuilt, name_list
from headrace.store.refs import environments
from headrace.store.store import Store
from headrace.store.transactions import Log


def known_assets(store: Store) -> list[str]:
    """Every asset that is or was in some environment."""
    refs = [store.refs(name) for name in environments(store.root / "refs")]
    return sorted({asset for one in refs for asset in Log(one).assets})


def version_named(project: Project, asset: str, text: str) -> str:
    """The version of `asset` that `text` means: `current`, `previous`, `env:NAME`, or the first characters of one.

    Raises NotBuilt when there is no such version, HeadraceError when several begin so, or none that is stored.
    """
    if text == "previous":
        return previous_version(project, asset)
    if text == "current" or text.startswith("env:"):
        environment = text.removeprefix("env:") if text != "current" else project.environment
        version = project.store.refs(environment).current().get(asset)
        if version is None:
            raise NotBuilt(asset, environment)
        return version
    stored = stored_versions(project.store, asset)
    found = versions_like(stored, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise HeadraceError(
            f"{asset} has {len(found)} versions that begin with {text}: {name_list(found)}. Write more."
        )
    names = f"current, previous, env:NAME, or one of: {name_list(stored)}"
    raise HeadraceError(f"{asset} has no stored version {text!r}. Give {names}.")


def previous_version(project: Project, asset: str) -> str:
    """What was current in the environment before its current version."""
    log = Log(project.store.refs(project.environment))
    current = log.current.get(asset)
    if current is None:
        raise NotBuilt(asset, project.environment)
    moves = [move for move in log.moves if move.asset == asset and move.after == current != move.before]
    if not moves or moves[-1].before is None:
        raise HeadraceError(
            f"{asset} has had no version in {project.environment} but {current}: nothing to compare with."
        )
    return moves[-1].before


def stored_versions(store: Store, asset: str) -> list[str]:
    """The names of the versions of `asset` that are stored."""
    folder = store.root / "objects" / asset
    return sorted(path.parent.name for path in folder.glob("*/manifest.json"))


def versions_like(stored: list[str], text: str) -> list[str]:
    """The versions that `text` begins; one that is called so, whole or as people write it, before all others.

    >>> versions_like(["7ec5a356d81c0f2b", "7ec5a356d81c0f2b.2"], "7ec5a356.2")
    ['7ec5a356d81c0f2b.2']
    """
    mark, _, number = text.partition(".")
    like = [one for one in stored if one.startswith(mark) and (not number or one.partition(".")[2] == number)]
    exact = [one for one in like if one == text]
    first = [one for one in like if "." not in one]
    marks = {one.partition(".")[0] for one in like}
    return exact or (first if len(marks) == 1 and first and not number else like)
