"""Build a selection: every asset that is not fresh, upstream first, independent branches side by side."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, Protocol

from headrace.builder.governance import record_governance
from headrace.builder.online import online_is_current, refresh_online
from headrace.builder.outcome import Outcome, Request
from headrace.builder.partition_choice import PartitionChoice, refuse_unpartitioned
from headrace.builder.planning import plan_project
from headrace.builder.project import Project
from headrace.builder.services import publish_services
from headrace.builder.views import refresh_views, views_are_current
from headrace.errors import StoreError
from headrace.lineage.plan import Plan
from headrace.lineage.selection import select

if TYPE_CHECKING:
    from concurrent.futures import Future

    from headrace.engine.replay import Replay


class Listener(Protocol):
    """Who wants to know how a build goes; called from worker threads."""

    def started(self, asset: str) -> None: ...
    def progressed(self, asset: str, message: str, share: float | None) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...
    def failed(self, asset: str, error: Exception) -> None: ...
    def skipped(self, asset: str, because: str) -> None: ...


@dataclass
class Report:
    """What a build did.

    Attributes:
        failed: assets with their errors; skipped: assets with the failed one that they wait for.
        unstable: assets that came out otherwise when they were computed again, with the columns that differ.
        notes: what else a person should know.
        replays: of online views that were filled, how their answers compare with training rows.
    """

    run_id: str
    outcomes: list[Outcome] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    unstable: dict[str, list[str]] | None = None
    notes: list[str] = field(default_factory=list)
    replays: dict[str, Replay] = field(default_factory=dict)
    seconds: float = 0.0

    def keys(self, state: str) -> list[str]:
        return [outcome.asset for outcome in self.outcomes if outcome.state == state]

    def to_json(self) -> dict[str, Any]:
        partitions = {one.asset: list(one.partitions) for one in self.outcomes if one.partitions}
        return {
            "built": self.keys("built"),
            "reused": self.keys("reused"),
            "fresh": self.keys("fresh"),
            "failed": sorted(self.failed),
            "skipped": sorted(self.skipped),
            **({"partitions": partitions} if partitions else {}),
            **({} if self.unstable is None else {"unstable": dict(sorted(self.unstable.items()))}),
            "seconds": round(self.seconds, 3),
        }


def build(
    project: Project,
    selection: Sequence[str] = (),
    *,
    only: bool = False,
    force: bool = False,
    verify: bool = False,
    partitions: PartitionChoice | None = None,
    jobs: int | None = None,
    listener: Listener | None = None,
) -> Report:
    """Make `selection` current. A failed asset stops what depends on it and nothing else.

    Args:
        only, force: see `plan_project`.
        verify: compute each asset of the selection once more and compare; what differs is not reproducible.
        partitions: of the selected assets that have partitions, only these; the others stay as they are.
        jobs: how many assets are built side by side; by default one a core.
    """
    started = time.perf_counter()
    chosen = set(select(project.graph, selection))
    if partitions is not None:
        refuse_unpartitioned(project, chosen, partitions)
    plan = plan_project(project, selection, only=only, force=force)
    report = Report(run_id=uuid.uuid4().hex)
    project.store.sweep()
    if plan.work:
        with project.sessions:
            _Walk(project, plan, report, listener, chosen if force else set(), (chosen, partitions)).run(jobs)
        project.statements.save()
    else:
        for key in plan.selected:
            report.outcomes.append(Outcome(key, "fresh", project.store.current(key, project.environment)))
    if verify:
        _verify(project, select(project.graph, selection), report)
    record_governance(project, plan.selected)
    if not views_are_current(project):
        _refresh(project, report)
    if not online_is_current(project):
        _refresh_online(project, report)
    report.failed |= publish_services(project)
    report.seconds = time.perf_counter() - started
    return report


def _verify(project: Project, selected: Sequence[str], report: Report) -> None:
    from headrace.builder.verify import differing_columns

    report.unstable = {}
    for key in selected:
        if key in report.failed or key in report.skipped:
            continue
        columns = differing_columns(project, key)
        if columns is not None:
            report.unstable[key] = columns


def _refresh_online(project: Project, report: Report) -> None:
    refill = refresh_online(project)
    report.failed |= refill.failed
    report.replays = refill.replays
    for key, one in refill.replays.items():
        if not one.passed:
            first = one.examples[0]
            told = f"{one.differing} of {one.values} values differ from what a training row sees"
            report.notes.append(f"{key}: {told}, first {first['feature']} of {first['key']}: {first['online']!r}.")


def _refresh(project: Project, report: Report) -> None:
    try:
        refresh_views(project)
    except StoreError as error:
        report.notes.append(str(error))


class _Walk:
    """One walk over the selected assets with a pool of threads; DuckDB, polars and scikit-learn release the GIL."""

    def __init__(
        self,
        project: Project,
        plan: Plan,
        report: Report,
        listener: Listener | None,
        forced: set[str],
        some: tuple[set[str], PartitionChoice | None],
    ) -> None:
        self._some = some
        self._project = project
        self._report = report
        self._listener = listener
        self._forced = forced
        self._selected = plan.selected
        self._running: dict[Future[Outcome], str] = {}

    def run(self, jobs: int | None) -> None:
        from concurrent.futures import ThreadPoolExecutor

        chosen = set(self._selected)
        edges = {key: [one for one in self._project.graph.upstream[key] if one in chosen] for key in self._selected}
        order = TopologicalSorter(edges)
        order.prepare()
        with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
            while order.is_active():
                for key in order.get_ready():
                    if self._may_start(key, edges[key]):
                        self._running[pool.submit(self._make, key)] = key
                    else:
                        order.done(key)
                for key in self._finish_some():
                    order.done(key)

    def _may_start(self, key: str, upstream: Sequence[str]) -> bool:
        for one in upstream:
            cause = one if one in self._report.failed else self._report.skipped.get(one)
            if cause is not None:
                self._report.skipped[key] = cause
                if self._listener:
                    self._listener.skipped(key, cause)
                return False
        return True

    def _make(self, key: str) -> Outcome:
        listener = self._listener
        if listener:
            listener.started(key)

        def progress(message: str, share: float | None) -> None:
            if listener:
                listener.progressed(key, message, share)

        from headrace.builder.materialize import materialize  # a build with nothing to do does without its engines

        chosen, partitions = self._some
        request = Request(
            forced=key in self._forced,
            partitions=partitions if key in chosen else None,
            run_id=self._report.run_id,
            progress=progress,
        )
        return materialize(self._project, self._project.graph.nodes[key], request)

    def _finish_some(self) -> list[str]:
        from concurrent.futures import FIRST_COMPLETED, wait

        if not self._running:
            return []
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        return [self._finish(future) for future in done]

    def _finish(self, future: Future[Outcome]) -> str:
        key = self._running.pop(future)
        try:
            outcome = future.result()
        except Exception as error:  # noqa: BLE001  the boundary of one asset: it is reported, other branches go on
            self._report.failed[key] = error
            if self._listener:
                self._listener.failed(key, error)
            return key
        self._report.outcomes.append(outcome)
        if self._listener:
            self._listener.finished(outcome)
        return key
