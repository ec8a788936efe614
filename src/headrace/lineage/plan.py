"""The plan: one state for every asset, with the reasons for it. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from headrace.declarations.base import Declaration
from headrace.errors import CorruptObject, SourceError
from headrace.lineage.fingerprint import fingerprint, name_changes
from headrace.lineage.graph import Graph

State = Literal["fresh", "reuse", "build", "pending"]


class Version(Protocol):
    """What the plan needs to know of a stored version."""

    @property
    def version(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def parts(self) -> dict[str, Any]: ...
    @property
    def input_digests(self) -> dict[str, str]: ...


class Facts(Protocol):
    """The world as the plan sees it: declarations' parts, current versions, stored versions."""

    def parts(self, declaration: Declaration) -> dict[str, Any]:
        """All that decides an asset besides its inputs; raises SourceError for raw data that cannot be read."""
        ...

    def current(self, asset: str) -> Version | None:
        """The current version; raises CorruptObject for a damaged one."""
        ...

    def find(self, asset: str, fingerprint: str) -> Version | None: ...


@dataclass(frozen=True)
class Reason:
    """Why an asset has its state: a kind for programs and a detail for people."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Step:
    """One asset of a plan. `fingerprint` is None while it depends on something not computed yet."""

    asset: str
    state: State
    reasons: tuple[Reason, ...]
    fingerprint: str | None
    digest: str | None


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
    graph: Graph, facts: Facts, environment: str, selected: Sequence[str], forced: Sequence[str] = ()
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
        return Step(key, "build", (Reason("unreadable", str(error)),), None, None)
    unknown = [step for step in upstream.values() if step.digest is None]
    digests = {one: step.digest for one, step in upstream.items() if step.digest is not None}
    reasons = damage or _reasons(current, parts, digests, upstream)
    if unknown:
        return _undecided(key, reasons, unknown, forced)
    mark = fingerprint(parts, digests)
    if forced:
        return Step(key, "build", (Reason("forced", "forced"),), mark, None)
    if current is not None and current.fingerprint == mark:
        return Step(key, "fresh", (), mark, current.digest)
    stored = facts.find(key, mark)
    if stored is not None:
        found = Reason("stored", f"version {stored.version[:8]} has exactly these inputs and this code")
        return Step(key, "reuse", (found, *reasons), mark, stored.digest)
    return Step(key, "build", reasons, mark, None)


def _undecided(key: str, reasons: tuple[Reason, ...], unknown: Sequence[Step], forced: bool) -> Step:
    """What does not hang on the inputs still to come decides; nothing such, and it waits for them."""
    if forced:
        reasons = (Reason("forced", "forced"),)
    if reasons:
        return Step(key, "build", reasons, None, None)
    waits = tuple(Reason("upstream", f"only if {step.asset} comes out different") for step in unknown)
    return Step(key, "pending", waits, None, None)


def _reasons(
    current: Version | None, parts: dict[str, Any], digests: Mapping[str, str], inputs: Iterable[str]
) -> tuple[Reason, ...]:
    """How it differs from its current version; `digests` are of those `inputs` whose content is known."""
    if current is None:
        return (Reason("never_built", "never built"),)
    own = [Reason(kind, detail) for kind, detail in name_changes(current.parts, parts)]
    before = current.input_digests
    changed = [one for one in sorted(digests) if one in before and before[one] != digests[one]]
    reasons = [Reason("input_changed", f"{one} changed") for one in changed]
    reasons += [Reason("input_changed", f"{one} is a new input") for one in sorted({*inputs} - {*before})]
    reasons += [Reason("input_changed", f"{one} is no longer an input") for one in sorted({*before} - {*inputs})]
    return (*own, *reasons)
