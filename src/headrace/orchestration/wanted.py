"""What automation asks for: the assets that have to run so that some targets are current, all at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.builder.facts import ProjectFacts
from headrace.builder.project import Project
from headrace.errors import CorruptObject
from headrace.lineage.canonical import digest
from headrace.lineage.graph import Graph
from headrace.lineage.plan import Step, decide, standing
from headrace.store.failures import Failure, mark_of

_MOST_REASONS = 3
_LONGEST_ERROR = 160


@dataclass(frozen=True)
class Wanted:
    """What to run.

    Attributes:
        assets: every asset that is, or may turn out to be, out of date, upstream first.
        reasons: what is known to be out of date, and why.
        blocked: what failed on exactly what it would be tried on again.
        held_up: what is out of date and cannot be made before something blocked is.
        mark: a hash of it all: equal marks want the same of the same.
        touched: the partitions that may come out different, of each partitioned asset.
    """

    assets: tuple[str, ...]
    reasons: Mapping[str, str]
    blocked: Mapping[str, Failure]
    held_up: tuple[str, ...]
    mark: str
    touched: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def say(self) -> str:
        """Why there is something to run, for people."""
        shown = [f"{asset}: {reason}" for asset, reason in list(self.reasons.items())[:_MOST_REASONS]]
        others = len(self.assets) - len(shown)
        return "; ".join(shown) + (f"; {others} more may follow" if others else "")

    def say_blocked(self) -> str:
        """Why there is something out of date that is not run."""
        waits = f"; {len(self.held_up)} more wait for that" if self.held_up else ""
        shown = list(self.blocked.items())[:_MOST_REASONS]
        others = f"; {len(self.blocked) - len(shown)} more failed" if len(self.blocked) > len(shown) else ""
        failed = "; ".join(_say_failure(asset, failure) for asset, failure in shown)
        return f"{failed}{others}{waits}. It is tried again once something changes, or when you build it."


def _say_failure(asset: str, failure: Failure) -> str:
    moment = failure.at[:16].replace("T", " ")
    error = failure.error.removeprefix(f"{asset}: ")
    short = error if len(error) <= _LONGEST_ERROR else error[: _LONGEST_ERROR - 1] + "…"
    return f"{asset} failed on exactly these inputs at {moment} UTC ({short})"


def closure(graph: Graph, targets: Iterable[str], held: Collection[str] = ()) -> tuple[str, ...]:
    """`targets` and everything they are made from, upstream first, but nothing held nor what only that needs."""
    reached: set[str] = set()
    waiting = list(targets)
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += [one for one in graph.upstream[key] if one not in held]
    return tuple(key for key in graph.keys if key in reached)


def wanted(
    project: Project,
    targets: Collection[str],
    held: Collection[str] = (),
    failures: Mapping[str, Failure] | None = None,
) -> Wanted:
    """What has to run so that `targets` are current.

    Args:
        held: assets that are taken as they are, unless they were never built.
        failures: what is not tried again on the same inputs.
    """
    facts = ProjectFacts(project)
    kept = {key: step for key in held if key not in targets and (step := _as_it_is(facts, key))}
    needed = closure(project.graph, targets, kept)
    found = _Walk(project.graph, facts, kept, failures or {}).over(needed)
    project.statements.save()
    return found


def step_now(project: Project, facts: ProjectFacts, key: str) -> Step | None:
    """An asset's step given its inputs as they are now, fresh or not; None while one of them was never built."""
    inputs = {one: _as_it_is(facts, one) for one in project.graph.upstream[key]}
    known = {one: step for one, step in inputs.items() if step is not None}
    return decide(project.graph.nodes[key], facts, known) if len(known) == len(inputs) else None


def _as_it_is(facts: ProjectFacts, key: str) -> Step | None:
    try:
        version = facts.current(key)
    except CorruptObject:
        return None  # as good as never built
    return None if version is None else standing(key, version)


def _touched(step: Step) -> Sequence[str]:
    known = {} if step.before is None else step.before.partitions
    return sorted({*step.marks, *known}) if step.touched is None else step.touched


class _Walk:
    """One walk over the needed assets, upstream first."""

    def __init__(
        self, graph: Graph, facts: ProjectFacts, kept: Mapping[str, Step], failures: Mapping[str, Failure]
    ) -> None:
        self._graph = graph
        self._facts = facts
        self._steps = dict(kept)
        self._failures = failures
        self._assets: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._blocked: dict[str, Failure] = {}
        self._held_up: list[str] = []

    def over(self, needed: Iterable[str]) -> Wanted:
        for key in needed:
            upstream = {one: self._steps[one] for one in self._graph.upstream[key]}
            step = self._steps[key] = decide(self._graph.nodes[key], self._facts, upstream)
            if step.state != "fresh":
                self._sort(key, step)
        return Wanted(
            assets=tuple(self._assets),
            reasons=self._reasons,
            blocked=self._blocked,
            held_up=tuple(self._held_up),
            mark=digest(self._assets),
            touched={key: _touched(self._steps[key]) for key in self._assets},
        )

    def _sort(self, key: str, step: Step) -> None:
        failure = self._failures.get(key)
        unreadable = "".join(reason.detail for reason in step.reasons if reason.kind == "unreadable")
        if failure is not None and failure.mark == mark_of(step.fingerprint, unreadable):
            self._blocked[key] = failure
        elif step.fingerprint is None and any(self._is_out(one) for one in self._graph.upstream[key]):
            self._held_up.append(key)
        else:
            self._assets[key] = step.fingerprint or self._attempt(key, unreadable)
            if step.state != "pending":
                self._reasons[key] = "; ".join(reason.detail for reason in step.reasons)

    def _is_out(self, key: str) -> bool:
        return key in self._blocked or key in self._held_up

    def _attempt(self, key: str, unreadable: str) -> str:
        """A mark of an asset whose inputs are not all known: its own parts, and what stands upstream."""
        parts = unreadable or self._facts.parts(self._graph.nodes[key])
        versions = {one: self._steps[one].before for one in self._graph.upstream[key]}
        return digest([parts, {one: version and version.version for one, version in versions.items()}])
