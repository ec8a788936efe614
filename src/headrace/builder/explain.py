"""Why an asset is as it is: what made its current version, what it reads, what would change it, what it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.builder.changes import changed_columns, changes_between, stored
from headrace.builder.facts import ProjectFacts
from headrace.builder.planning import plan_project
from headrace.builder.project import Project
from headrace.errors import SourceError
from headrace.lineage.part_names import file_of, part_kind, part_name
from headrace.lineage.plan import Reason, Step
from headrace.lineage.reads import Reads
from headrace.store.manifest import Manifest

_BUILT = "built"


@dataclass(frozen=True)
class Origin:
    """How the current version came to be current.

    Attributes:
        at: when the environment's pointer moved to it.
        state: how: `built`, `reused`, `promoted`, `rolled back`.
        run_id: of what moved the pointer; the manifest has that of the computation.
        replaced: what was current before.
        why: the reasons; empty where nothing is known to differ.
    """

    manifest: Manifest
    at: str
    state: str
    run_id: str
    replaced: str | None
    why: tuple[Reason, ...]


@dataclass(frozen=True)
class Input:
    """What is read of one input.

    Attributes:
        columns: None is every column; `SCHEMA` among them the names and types of all.
        version: the version that the current version was made of; None when it was not.
        current: the version that is current now, if any.
        changed: of the columns read, those that differ between the two; None where that cannot be told.
    """

    asset: str
    columns: Reads
    version: str | None
    current: str | None
    changed: tuple[str, ...] | None


@dataclass(frozen=True)
class Ingredients:
    """What a change of would change the asset, besides its inputs.

    Attributes:
        code: functions and classes by file; constants: those that code uses, with their values.
        sql: whether it has a SQL statement.
        files: raw files; fields: what its declaration says; libraries: whose version counts.
    """

    code: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str]
    sql: bool
    files: tuple[str, ...]
    fields: tuple[str, ...]
    libraries: tuple[str, ...]


@dataclass(frozen=True)
class Reader:
    """An asset that reads this one, and which of its columns; None is every column."""

    asset: str
    columns: Reads


@dataclass(frozen=True)
class Explanation:
    """Everything about one asset; see the parts.

    Attributes:
        step: its state now, with reasons.
        origin: of its current version; None when it was never built.
        readers: what reads it directly; downstream: everything that depends on it, upstream first.
        unread: columns that no asset reads.
    """

    asset: str
    environment: str
    step: Step
    origin: Origin | None
    inputs: tuple[Input, ...]
    ingredients: Ingredients
    readers: tuple[Reader, ...]
    downstream: tuple[str, ...]
    unread: tuple[str, ...]


def explain(project: Project, asset: str) -> Explanation:
    """Why an asset is as it is. Nothing is computed; an asset that was never built has no `origin`."""
    facts, graph = ProjectFacts(project), project.graph
    step = plan_project(project, [asset], only=True, governed=False).steps[asset]
    current = stored(project, asset, project.store.refs(project.environment).current().get(asset))
    readers = tuple(Reader(one, _reading(project, facts, one).get(asset)) for one in graph.downstream[asset])
    below = graph.descendants(asset)
    return Explanation(
        asset=asset,
        environment=project.environment,
        step=step,
        origin=None if current is None else _origin(project, current),
        inputs=tuple(_inputs(project, facts, asset, current)),
        ingredients=_ingredients(_parts(facts, project, asset, current)),
        readers=readers,
        downstream=tuple(key for key in graph.keys if key in below),
        unread=_unread(current, readers),
    )


def _reading(project: Project, facts: ProjectFacts, asset: str) -> Mapping[str, Reads]:
    declaration = project.graph.nodes[asset]
    found = {one.key: facts.current(one.key) for one in declaration.inputs}
    return facts.reading(declaration, {key: one for key, one in found.items() if one is not None})


def _origin(project: Project, current: Manifest) -> Origin:
    moves = project.store.refs(project.environment).history(current.asset)
    none: dict[str, Any] = {}
    move = next((one for one in reversed(moves) if one["to"] == current.version), none)
    return Origin(
        manifest=current,
        at=move.get("at", current.created_at),
        state=move.get("state") or _BUILT,
        run_id=move.get("run_id", ""),
        replaced=move.get("from"),
        why=tuple(_why(project, current, move)),
    )


def _why(project: Project, current: Manifest, move: Mapping[str, Any]) -> list[Reason]:
    """The reasons that a build wrote down; for a version that was only moved to, what it differs in."""
    told = [Reason(one["kind"], one["detail"]) for one in current.details.get("reasons", ())]
    if told and move.get("state") == _BUILT and move.get("run_id") == current.run_id:
        return told
    before = stored(project, current.asset, move.get("from"))
    if before is not None:
        return changes_between(project, before, current)
    if move.get("from"):
        return told or [Reason("unknown", "the version that it replaced is no longer stored")]
    return [Reason("first_version", f"the first version in {project.environment}")]


def _inputs(project: Project, facts: ProjectFacts, asset: str, current: Manifest | None) -> Iterable[Input]:
    reading = _reading(project, facts, asset)
    for key in project.graph.upstream[asset]:
        recorded = current.inputs.get(key) if current else None
        now = facts.current(key)
        version = None if recorded is None else recorded["version"]
        changed = None if recorded is None or now is None else _changed(project, recorded, now)
        yield Input(key, reading.get(key), version, now.version if now else None, changed)


def _changed(project: Project, recorded: Mapping[str, Any], now: Manifest) -> tuple[str, ...] | None:
    reads = recorded.get("reads")
    if recorded["version"] == now.version:
        return ()
    if project.edges.digest(now, None if reads is None else tuple(reads)) == recorded["digest"]:
        return ()
    before = stored(project, now.asset, recorded["version"])
    return None if before is None else tuple(changed_columns(before, now, reads)) or None


def _parts(facts: ProjectFacts, project: Project, asset: str, current: Manifest | None) -> Mapping[str, Any]:
    try:
        return facts.parts(project.graph.nodes[asset])
    except SourceError:  # the plan's reasons say so
        return current.parts if current else {}


def _ingredients(parts: Mapping[str, Any]) -> Ingredients:
    code: dict[str, list[str]] = {}
    constants: dict[str, str] = {}
    for name, value in parts.items():
        kind = part_kind(name, value)
        if kind == "constant":
            constants[part_name(name, value)] = str(value)
        elif kind == "code" and name != "sql":
            module, _, title = name.removeprefix("code ").partition(":")
            code.setdefault(file_of(module), []).append(title.replace(".<locals>.", "."))
    files = sorted(part_name(name, value) for name, value in parts.items() if name.startswith("file "))
    libraries = sorted(name.removeprefix("library ") for name in parts if name.startswith("library "))
    plain = [name for name, value in parts.items() if part_kind(name, value) == "declaration"]
    fields = [name for name in plain if name != "headrace" and not name.startswith(("library ", "encoder "))]
    said = [name for name in fields if parts[name] not in (None, [], {}, "")]
    return Ingredients(
        {file: tuple(names) for file, names in code.items()},
        constants,
        "sql" in parts,
        tuple(files),
        tuple(said),
        tuple(libraries),
    )


def _unread(current: Manifest | None, readers: Iterable[Reader]) -> tuple[str, ...]:
    read: set[str] = set()
    found = list(readers)
    for reader in found:
        if reader.columns is None:
            return ()
        read.update(reader.columns)
    return tuple(name for name, _ in current.columns if name not in read) if current and found else ()
