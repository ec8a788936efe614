"""After `online/<view>` has become current, the online database is brought to that version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.builder.project import Project
from headrace.declarations.online import OnlineView
from headrace.errors import CorruptObject, HeadraceError, OnlineError, StoreError
from headrace.store.atomic import disk_errors, write_atomically
from headrace.store.manifest import MAIN_TABLE, Manifest
from headrace.store.online.open import online_folder, online_lock, open_online
from headrace.store.pushed import PUSHES, PushLog

if TYPE_CHECKING:
    from headrace.engine.replay import Replay


@dataclass(frozen=True)
class Refill:
    """What a refill did.

    Attributes:
        changed: how many entities have changed, of each view that was filled.
        replays: how its answers compare with training rows of the same moments.
        failed: the views that could not be filled.
    """

    changed: dict[str, int] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)


def online_is_current(project: Project) -> bool:
    """Whether the database holds what is current; not so after a process was killed before it was filled.

    Of LMDB only files are asked, as a build with nothing to do asks this. A server may have lost what it had.
    """
    wanted = _wanted(project)
    if _forgotten(project, wanted):
        return False
    if not wanted:
        return True
    if project.settings.online.get("url"):
        return _held(project, wanted) == wanted
    database = online_folder(project.store_folder, project.environment) / "data.mdb"
    return database.is_file() and _noted(project) == wanted


def _held(project: Project, keys: Iterable[str]) -> dict[str, str | None]:
    """The versions that the database holds; nothing while it cannot be reached, which the refill then tells."""
    try:
        with closing(open_online(project.store_folder, project.environment, project.settings)) as store:
            schemas = {key: store.describe(key.removeprefix("online/")) for key in keys}
    except OnlineError:
        return {}
    return {key: schema.version for key, schema in schemas.items() if schema is not None}


def refresh_online(project: Project, only: str | None = None) -> Refill:
    """Bring every view, or `only` that one, to its current version.

    A view that holds its version already is left alone. One that cannot be filled keeps what it had, and the next
    build tries again. One that is not declared as online any more is removed.
    """
    refill = Refill()
    wanted = _wanted(project)
    chosen = [key for key in wanted if only in (None, key)]
    forgotten = [] if only is not None else _forgotten(project, wanted)
    if not chosen and not forgotten:
        return refill
    with online_lock(project.store_folder, project.environment):
        for key in chosen:
            try:
                with disk_errors(project.store_folder):
                    changed = fill(project, key)
                    if changed is not None or only is not None:
                        refill.changed[key] = changed or 0
                        if key in project.graph.nodes:
                            refill.replays[key] = replay_online(project, key)
            except HeadraceError as error:
                problem = f"{key} is built, but the online store could not be filled and holds what it had: {error}"
                refill.failed[key] = StoreError(problem)
        _forget(project, forgotten)
        if only is None and not refill.failed:
            _note(project, wanted)
    return refill


def _wanted(project: Project) -> dict[str, str]:
    """The current versions of online views; of all that there are, where declarations were not loaded."""
    nodes = project.graph.nodes
    keys = [key for key, one in nodes.items() if isinstance(one, OnlineView)]
    if nodes and not keys:
        return {}
    current = project.store.refs(project.environment).current()
    return {key: current[key] for key in keys or current if key in current and key.startswith("online/")}


def _forgotten(project: Project, wanted: Mapping[str, str]) -> list[str]:
    """The views that were filled and are not online any more."""
    return [key for key in _noted(project) if key not in wanted] if project.graph.nodes else []


def _forget(project: Project, keys: Sequence[str]) -> None:
    if keys:
        with closing(open_online(project.store_folder, project.environment, project.settings)) as store:
            for key in keys:
                store.forget(key.removeprefix("online/"))


def fill(project: Project, key: str) -> int | None:
    """Bring one view to its current version by what differs from the one that the store holds.

    Returns how many entities have changed; None when it held that version already.
    """
    from headrace.engine.online_changes import Snapshots, schema_of
    from headrace.store.online.base import Fill
    from headrace.store.online.layout import same_layout

    manifest = project.store.current(key, project.environment)
    view, facts = key.removeprefix("online/"), manifest.details["online"]
    schema = schema_of(facts, manifest.version, project.environment, _covered(manifest))
    with closing(open_online(project.store_folder, project.environment, project.settings)) as store:
        held = store.describe(view)
        if held is not None and held.version == manifest.version and same_layout(held, schema):
            return None
        old = None if held is None or not same_layout(held, schema) else _snapshot(project, key, held.version)
        times = (facts["times"][0], facts["times"][1])
        with Snapshots(schema, times, _table(project, manifest), old) as found:
            pushes = found.pushes(facts.get("push"), _later_pushes(project, manifest))
            return store.fill(view, schema, Fill(found.rows(), found.gone(), whole=old is None, pushes=pushes))


def replay_online(project: Project, key: str) -> Replay:
    """Compare what the store answers with what training rows of the same moments would see, for a sample."""
    from headrace.engine.online_changes import Snapshots, schema_of
    from headrace.engine.replay import moments_of, replay

    declaration = project.graph.nodes[key]
    if not isinstance(declaration, OnlineView):
        raise HeadraceError(f"{key} is no online view.")
    manifest = project.store.current(key, project.environment)
    facts, view = manifest.details["online"], declaration.view
    schema = schema_of(facts, manifest.version, project.environment, _covered(manifest))
    with Snapshots(schema, (None, None), _table(project, manifest), None) as found:
        apart = {one.keys for one in found.pushes(facts.get("push"), _later_pushes(project, manifest))}
    folder = project.store.folder(view.key, str(manifest.inputs[view.key]["version"]))
    moments = moments_of(datetime.now(UTC), facts["until"], facts["every"])
    with closing(open_online(project.store_folder, project.environment, project.settings)) as store:
        return replay(view, folder, _table(project, manifest), store, moments, apart)


def _covered(manifest: Manifest) -> int:
    """How many pushes to its source a snapshot has in it."""
    source = (manifest.details["online"].get("push") or {}).get("source")
    return int(manifest.details.get(PUSHES, {}).get(f"sources/{source}", 0))


def _later_pushes(project: Project, manifest: Manifest) -> dict[int, Path]:
    source = (manifest.details["online"].get("push") or {}).get("source")
    return {} if source is None else PushLog(project.store_folder, source).files(after=_covered(manifest))


def _table(project: Project, manifest: Manifest) -> Path:
    return project.store.folder(manifest.asset, manifest.version) / MAIN_TABLE


def _snapshot(project: Project, key: str, version: str | None) -> Path | None:
    """The snapshot that the store holds; None where it was deleted."""
    if version is None:
        return None
    try:
        return _table(project, project.store.load(key, version))
    except CorruptObject:
        return None


def _note_file(project: Project) -> Path:
    return project.store_folder / "cache" / f"online.{project.environment}.json"


def _note(project: Project, versions: Mapping[str, str]) -> None:
    write_atomically(_note_file(project), json.dumps(versions), durable=False)


def _noted(project: Project) -> dict[str, str]:
    try:
        return dict(json.loads(_note_file(project).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}  # never filled, or the cache was deleted: it is looked at again
