"""Contracts: a view that declares a version keeps its columns and their types until the version is raised."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.errors import ContractBroken, CorruptObject, HeadraceError, StoreError
from headrace.lineage.plan import Plan, Step, Version
from headrace.store.atomic import write_atomically

Columns = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Contract:
    """What was promised when a version was first published, with what was added since: `[[column, SQL type], ...]`."""

    version: int
    columns: list[list[str]]


def contracts(project: Project) -> dict[str, Contract]:
    """The contracts of an environment, by asset key; of a view without one there is none."""
    path = _path(project)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: Contract(int(one["version"]), one["columns"]) for key, one in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fix = "Delete it and build again: contracts then start from what is current."
        raise StoreError(f"{path} cannot be read: {error!r}. {fix}") from error


def refuse_broken_plan(project: Project, plan: Plan) -> None:
    """Raise ContractBroken when what a plan would publish breaks a contract, as far as that shows before it is built.

    That is so of columns, windows and SQL, from the columns that their inputs have now; of Python when its schema
    says which columns it returns. Everything else is found out before it is published.
    """
    views = _under_contract(project, plan.selected)
    if not views:
        return
    known = contracts(project)
    changes = {
        key: _changes(project, view, known[key], expected)
        for key, view in views.items()
        if key in known and (expected := _expected(project, view, plan)) is not None
    }
    _refuse({key: found for key, found in changes.items() if found}, known)


def refuse_broken(project: Project, declaration: Declaration, columns: Columns) -> None:
    """Raise ContractBroken when a finished draft has not the columns that its view promises."""
    views = _under_contract(project, [declaration.key])
    known = contracts(project) if views else {}
    for key in set(views) & set(known):
        found = _changes(project, views[key], known[key], {str(name): str(kind) for name, kind in columns})
        _refuse({key: found} if found else {}, known)


def record_contracts(project: Project, keys: Iterable[str]) -> None:
    """Remember what the current versions of these assets promise from now on."""
    views = _under_contract(project, keys)
    if not views:
        return
    current = project.store.refs(project.environment).current()
    _write(project, lambda: _renewed(project, views, current))


def refuse_broken_promotion(project: Project, source: str, target: str, moved: Mapping[str, str]) -> None:
    """Raise ContractBroken when moving an environment's pointers to other versions breaks what is promised there.

    Args:
        moved: the versions of `source` that become current in `target`, by asset key.
    """
    offered, known = (contracts(replace(project, environment=one)) for one in (source, target))
    changes: dict[str, list[str]] = {}
    for key in set(moved) & set(known):
        if key in offered and offered[key].version > known[key].version:
            continue
        columns = {str(name): str(kind) for name, kind in project.store.load(key, moved[key]).columns}
        changes[key] = list(_differences(known[key], columns).values())
    _refuse({key: found for key, found in sorted(changes.items()) if found}, known)


def promote_contracts(project: Project, source: str, target: str, keys: Iterable[str]) -> None:
    """Promise in `target` what `source` promises of these assets."""
    offered = contracts(replace(project, environment=source))
    there = replace(project, environment=target)
    _write(there, lambda: contracts(there) | {key: offered[key] for key in keys if key in offered})


def _write(project: Project, renewed: Callable[[], Mapping[str, Contract]]) -> None:
    """Replace the contracts of an environment by what is found while no other process does."""
    if renewed() == contracts(project):
        return
    path = _path(project)
    for folder in (path.parent, project.store_folder / "locks"):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(project.store_folder / "locks" / "contracts.lock"):
        text = {key: {"version": one.version, "columns": one.columns} for key, one in sorted(renewed().items())}
        write_atomically(path, json.dumps(text, indent=1))


def _path(project: Project) -> Path:
    return project.store_folder / "contracts" / f"{project.environment}.json"


def _under_contract(project: Project, keys: Iterable[str]) -> dict[str, FeatureView]:
    nodes = {key: project.graph.nodes.get(key) for key in keys}
    return {key: one for key, one in nodes.items() if isinstance(one, FeatureView) and one.version is not None}


def _renewed(project: Project, views: Mapping[str, FeatureView], current: Mapping[str, str]) -> dict[str, Contract]:
    found = contracts(project)
    for key, view in views.items():
        before = found.get(key)
        try:
            version = None if key not in current else project.store.load(key, current[key])
        except CorruptObject:
            continue  # the next build makes it anew
        if version is None or view.version is None:
            continue
        columns = [[str(name), str(kind)] for name, kind in version.columns]
        if before is None or view.version > before.version:
            found[key] = Contract(view.version, columns)
        elif not _differences(before, dict(version.columns)):  # else it is of an older version, as after a rollback
            found[key] = Contract(before.version, columns)
    return found


def _changes(project: Project, view: FeatureView, known: Contract, columns: Mapping[str, str | None]) -> list[str]:
    """What breaks the contract, in words; nothing where the view's version is raised."""
    if view.version is None or view.version > known.version:
        return []
    return [f"{text}{_readers(project, view.key, name)}" for name, text in _differences(known, columns).items()]


def _differences(known: Contract, columns: Mapping[str, str | None]) -> dict[str, str]:
    """The promised columns that are gone or of another type; a type that is not known yet counts as kept."""
    found: dict[str, str] = {}
    for name, kind in known.columns:
        if name not in columns:
            found[name] = f"{name} ({kind}) is dropped"
        elif columns[name] not in (kind, None):
            found[name] = f"{name} is {columns[name]} instead of {kind}"
    return found


def _readers(project: Project, key: str, column: str) -> str:
    """Who reads a column of a view, for a message."""
    current = project.store.refs(project.environment).current()
    found = []
    for reader in project.graph.downstream[key]:
        try:
            recorded = project.store.load(reader, current[reader]).inputs.get(key) if reader in current else None
        except CorruptObject:
            continue
        if recorded is not None and (recorded.get("reads") is None or column in recorded["reads"]):
            found.append(reader)
    return f"; it is read by {', '.join(found)}" if found else ""


def _refuse(changes: Mapping[str, Sequence[str]], known: Mapping[str, Contract]) -> None:
    if changes:
        raise ContractBroken(changes, {key: known[key].version for key in changes})


def _expected(project: Project, view: FeatureView, plan: Plan) -> dict[str, str | None] | None:
    """The columns that a view will have, with types where they are known; None where only its code can tell."""
    step = plan.steps[view.key]
    if step.version is not None:
        return {str(name): str(kind) for name, kind in step.version.columns}
    inputs = {one.key: _latest(plan.steps[one.key]) for one in view.inputs}
    found = None
    if view.derivation is None or view.derivation.sql is not None:
        found = _tried(project, view, {key: one for key, one in inputs.items() if one is not None})
    declared = view.columns()
    return found or (None if declared is None else dict.fromkeys(declared))


def _latest(step: Step) -> Version | None:
    return step.version or step.before


def _tried(project: Project, view: FeatureView, inputs: Mapping[str, Version]) -> dict[str, str | None] | None:
    """The columns that come out of inputs without rows; None where it cannot be computed, which the build will tell."""
    if len(inputs) < len(view.inputs):
        return None
    import duckdb

    from headrace.engine.feature_views import compute_feature_view
    from headrace.engine.session import connect, parquet, show_empty
    from headrace.engine.workbench import Workbench
    from headrace.store.digests import describe

    with tempfile.TemporaryDirectory() as scratch, connect(scratch=Path(scratch) / "spill", threads=1) as connection:
        draft = Path(scratch) / "draft"
        draft.mkdir()
        try:
            for key, version in inputs.items():
                show_empty(connection, key, version.columns)
            compute_feature_view(view, Workbench(connection, {}, {}, draft, project.data_folder))
            return {str(name): str(kind) for name, kind in describe(connection, parquet(draft / "data.parquet"))}
        except (duckdb.Error, HeadraceError):
            return None
