"""The plan: one state for every asset, with the reasons for it. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from headrace.declarations.base import Declaration
from headrace.declarations.partitions import partitions_of
from headrace.errors import CorruptObject, SourceError
from headrace.lineage.fingerprint import fingerprint, name_changes
from headrace.lineage.graph import Graph
from headrace.lineage.reads import Dependencies, Reading, Reads, affected, column_names, touches

State = Literal["fresh", "reuse", "build", "pending"]
_MOST_COLUMNS = 3


class Version(Protocol):
    """What the plan needs to know of a stored version; see store.manifest."""

    @property
    def asset(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def parts(self) -> dict[str, Any]: ...
    @property
    def inputs(self) -> dict[str, dict[str, Any]]: ...
    @property
    def columns(self) -> list[list[str]]: ...
    @property
    def column_digests(self) -> dict[str, str]: ...
    @property
    def rows(self) -> int: ...
    @property
    def content(self) -> str: ...
    @property
    def definitions(self) -> dict[str, Any]: ...
    @property
    def partitions(self) -> dict[str, dict[str, Any]]: ...
    @property
    def outdated(self) -> list[str]: ...
    @property
    def hash_probe(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class Facts(Protocol):
    """The world as the plan sees it: declarations' parts, current versions, stored versions, and their content."""

    def parts(self, declaration: Declaration) -> dict[str, Any]:
        """All that decides an asset besides its inputs; raises SourceError for raw data that cannot be read."""
        ...

    def current(self, asset: str) -> Version | None:
        """The current version; raises CorruptObject for a damaged one."""
        ...

    def find(self, asset: str, fingerprint: str) -> Version | None: ...

    def reading(self, declaration: Declaration, inputs: Mapping[str, Version]) -> Reading:
        """The columns that it reads of each input; `inputs` lacks those of which no version is known."""
        ...

    def dependencies(self, declaration: Declaration, inputs: Mapping[str, Version]) -> Dependencies | None:
        """What can change each of its columns; None where that is not known."""
        ...

    def edge(self, asset: str, version: Version, reads: Reads) -> str:
        """The digest of what a reader of those columns sees of a version."""
        ...

    def recorded(self, asset: str, reader: Version, reads: Reads) -> str | None:
        """The same of the version of `asset` that `reader` was made from; None when that is gone."""
        ...

    def version(self, asset: str, name: str) -> Version | None:
        """A stored version by its name; None when it is gone."""
        ...

    def marks(self, declaration: Declaration, inputs: Mapping[str, Version], reading: Reading) -> dict[str, str]:
        """The fingerprint of each partition that a partitioned asset has now, by label, in order."""
        ...


@dataclass(frozen=True)
class Reason:
    """Why an asset has its state: a kind for programs and a detail for people."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Edge:
    """What an asset reads of one input: a version, the columns (None is all), and the digest of just these."""

    version: Version
    reads: Reads
    digest: str


@dataclass(frozen=True)
class Step:
    """One asset of a plan.

    Attributes:
        fingerprint: None while it depends on something not computed yet.
        version: the version that is or becomes current, where that is known without computing.
        before: the version that is current now.
        changes: the columns that may come out different; None is any.
        edges: what it reads, once all inputs are known.
        marks: of a partitioned asset, the fingerprint of each partition; `partitions` are those to compute.
        touched: its partitions that may come out different; None is any.
    """

    asset: str
    state: State
    reasons: tuple[Reason, ...] = ()
    fingerprint: str | None = None
    version: Version | None = None
    before: Version | None = None
    changes: frozenset[str] | None = None
    edges: Mapping[str, Edge] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    partitions: Mapping[str, str] = field(default_factory=dict)
    touched: tuple[str, ...] | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took the last time; None when it was never built."""
        return None if self.before is None else self.before.seconds


def standing(asset: str, version: Version) -> Step:
    """The step of an asset that is as it should be."""
    return Step(asset, "fresh", fingerprint=version.fingerprint, version=version, before=version)


@dataclass(frozen=True)
class Plan:
    """Every asset of the project with its state, upstream first; `selected` are those that a build would visit."""

    environment: str
    steps: Mapping[str, Step]
    selected: tuple[str, ...]

    @property
    def work(self) -> tuple[Step, ...]:
        """The selected steps that are not fresh."""
        return tuple(self.steps[key] for key in self.selected if self.steps[key].state != "fresh")


def make_plan(
    graph: Graph, facts: Facts, environment: str, selected: Sequence[str], forced: Collection[str] = ()
) -> Plan:
    """Walk the graph once, upstream first, and give every asset its state."""
    steps: dict[str, Step] = {}
    for key, declaration in graph.nodes.items():
        upstream = {one: steps[one] for one in graph.upstream[key]}
        steps[key] = decide(declaration, facts, upstream, forced=key in forced)
    return Plan(environment, steps, tuple(selected))


def decide(declaration: Declaration, facts: Facts, upstream: Mapping[str, Step], *, forced: bool = False) -> Step:
    """The state of one asset, given those of its inputs."""
    key = declaration.key
    damage: tuple[Reason, ...] = ()
    try:
        current = facts.current(key)
    except CorruptObject as error:
        current, damage = None, (Reason("damaged", str(error)),)
    try:
        parts = facts.parts(declaration)
    except SourceError as error:
        return Step(key, "build", (Reason("unreadable", str(error)),), before=current)
    own = damage or _own_reasons(current, parts)
    if current is not None and not own and not forced and _stands(current, upstream):
        return standing(key, current)
    decision = _partitioned() if partitions_of(declaration) else Decision
    return decision(declaration, facts, upstream, current, parts, own).step(forced)


def _partitioned() -> type[Decision]:
    from headrace.lineage.partitioned import PartitionedDecision  # which is a kind of what is defined below

    return PartitionedDecision


def _own_reasons(current: Version | None, parts: dict[str, Any]) -> tuple[Reason, ...]:
    if current is None:
        return (Reason("never_built", "never built"),)
    return tuple(Reason(kind, detail) for kind, detail in name_changes(current.parts, parts))


def _stands(current: Version, upstream: Mapping[str, Step]) -> bool:
    """Whether every input is still the very version it was made from."""
    if current.outdated:
        return False
    now = {one: step.version.version for one, step in upstream.items() if step.version is not None}
    return now == {one: facts["version"] for one, facts in current.inputs.items()} and len(now) == len(upstream)


class Decision:
    """One asset whose inputs have to be looked at column by column."""

    def __init__(
        self,
        declaration: Declaration,
        facts: Facts,
        upstream: Mapping[str, Step],
        current: Version | None,
        parts: dict[str, Any],
        own: tuple[Reason, ...],
    ) -> None:
        self._declaration = declaration
        self._facts = facts
        self._upstream = upstream
        self._current = current
        self._parts = parts
        self._own = own
        found = {one: step.version or step.before for one, step in upstream.items()}
        self._inputs = {one: version for one, version in found.items() if version is not None}
        self._reading = facts.reading(declaration, self._inputs)

    def step(self, forced: bool) -> Step:
        key, current = self._declaration.key, self._current
        awaited = {one: step for one, step in self._upstream.items() if self._is_open(one, step)}
        edges = {one: self._edge(one) for one in self._upstream if one not in awaited}
        changed = {one: edge for one, edge in edges.items() if not self._is_unchanged(one, edge)}
        reasons = self._reasons(changed)
        if forced:
            reasons = (Reason("forced", "forced"),)
        changes = None if self._own or forced else self._changes(changed, awaited)
        if awaited:
            waits = tuple(Reason("upstream", self._wait(step)) for step in awaited.values())
            state: State = "build" if reasons else "pending"
            return Step(key, state, reasons or waits, before=current, changes=changes)
        mark = fingerprint(self._parts, {one: edge.digest for one, edge in edges.items()})
        if forced:
            return Step(key, "build", reasons, mark, before=current, edges=edges)
        if current is not None and not reasons:
            return Step(key, "fresh", (), current.fingerprint, current, current, frozenset(), edges)
        stored = self._facts.find(key, mark)
        if stored is not None:
            found = Reason("stored", f"version {stored.version[:8]} has exactly these inputs and this code")
            return Step(key, "reuse", (found, *reasons), mark, stored, current, edges=edges)
        return Step(key, "build", reasons, mark, before=current, changes=changes, edges=edges)

    def _is_open(self, one: str, step: Step) -> bool:
        """Whether an input may come out different in what is read of it."""
        if step.version is not None:
            return False
        if step.before is None or step.changes is None:
            return True
        known = {name for name, _ in step.before.columns}
        return not step.changes <= known or touches(self._reading[one], step.changes)

    def _edge(self, one: str) -> Edge:
        version, reads = self._inputs[one], self._reading[one]
        recorded = self._current.inputs.get(one) if self._current else None
        if recorded and recorded["version"] == version.version and recorded.get("reads") == _listed(reads):
            return Edge(version, reads, recorded["digest"])
        return Edge(version, reads, self._facts.edge(one, version, reads))

    def _is_unchanged(self, one: str, edge: Edge) -> bool:
        recorded = self._current.inputs.get(one) if self._current else None
        if recorded is None or self._current is None:
            return False
        if edge.version.version == recorded["version"] or edge.digest == recorded["digest"]:
            return True
        return edge.digest == self._facts.recorded(one, self._current, edge.reads)

    def _reasons(self, changed: Mapping[str, Edge]) -> tuple[Reason, ...]:
        if self._current is None:
            return self._own
        before = self._current.inputs
        found = [Reason("input_changed", self._say(one)) for one in sorted(changed) if one in before]
        return (*self._own, *found, *self._new_inputs())

    def _new_inputs(self) -> list[Reason]:
        if self._current is None:
            return []
        now, before = {*self._upstream}, {*self._current.inputs}
        found = [Reason("input_changed", f"{one} is a new input") for one in sorted(now - before)]
        return [*found, *(Reason("input_changed", f"{one} is no longer an input") for one in sorted(before - now))]

    def _say(self, one: str) -> str:
        """What changed in an input, by column where that can be told."""
        now, before = self._inputs[one], self._before(one)
        if before is not None and before.rows != now.rows:
            return f"{one} has {now.rows:,} rows instead of {before.rows:,}"
        columns = self._changed_columns(one)
        return f"{one} changed" if columns is None else f"{named(one, columns)} changed"

    def _before(self, one: str) -> Version | None:
        recorded = self._current.inputs.get(one) if self._current else None
        return self._facts.version(one, recorded["version"]) if recorded else None

    def _changed_columns(self, one: str) -> list[str] | None:
        """The columns it reads that differ in an input; None where other rows, or all of it, may differ."""
        now, before = self._inputs[one], self._before(one)
        if before is None or before.rows != now.rows or not before.column_digests or not now.column_digests:
            return None
        names = dict.fromkeys((*now.column_digests, *before.column_digests))
        read = [name for name in names if self._reading[one] is None or name in (self._reading[one] or ())]
        return [name for name in read if before.column_digests.get(name) != now.column_digests.get(name)] or None

    def _changes(self, changed: Mapping[str, Edge], awaited: Mapping[str, Step]) -> frozenset[str] | None:
        moved: dict[str, Collection[str] | None] = {one: self._changed_columns(one) for one in changed}
        moved |= {one: step.changes for one, step in awaited.items()}
        if any(columns is None for columns in moved.values()):
            return None
        return affected(self._facts.dependencies(self._declaration, self._inputs), moved)

    def _wait(self, step: Step) -> str:
        reads = self._reading[step.asset]
        if reads is None:
            return f"only if {step.asset} comes out different"
        waited = [name for name in column_names(reads) or () if step.changes is None or name in step.changes]
        return f"only if {named(step.asset, waited)} comes out different"


def _listed(reads: Reads) -> list[str] | None:
    return None if reads is None else list(reads)


def named(asset: str, columns: Iterable[str]) -> str:
    """An asset with some of its columns, as people say it.

    >>> named("features/x", ["a", "b", "c"])
    'features/x.a, .b and .c'
    """
    found = list(columns)
    if not found:
        return asset
    if len(found) > _MOST_COLUMNS:
        return f"{asset}.{found[0]} and {len(found) - 1} more columns"
    *first, last = (f".{name}" for name in found)
    return f"{asset}{', '.join(first)} and {last}" if first else f"{asset}{last}"
