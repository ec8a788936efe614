"""Automation: one sensor for everything refreshed on change, and one schedule for each time, each asking for one run.

A tick plans with fresh eyes on refs and raw files, and asks for all that is out of date at once: no hop a tick, no
limit on the number of assets. Skipping what turns out to be unchanged is the run's own business.
"""

# No `from __future__ import annotations`: Dagster inspects sensors and schedules as it does asset functions.
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import dagster as dg

from headrace.builder.project import Project
from headrace.declarations.refresh import Cron, OnChange
from headrace.errors import DeclarationError
from headrace.orchestration.checks import asset_key
from headrace.orchestration.liveness import is_alive
from headrace.orchestration.partition_runs import by_kind, range_tags, together
from headrace.orchestration.wanted import Wanted, closure, wanted
from headrace.store.failures import failed_marks

ON_CHANGE = "headrace_on_change"
BUILD_ALL = "build_all"
REASON_TAG = "headrace/reason"
WANTED_TAG = "headrace/wanted"
INTERVAL_SECONDS = 15
_LONGEST_REASON = 500
_IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_ENDED = {
    dg.DagsterRunStatus.SUCCESS: "succeeded, and yet it is out of date",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "was canceled",
}

Kind = TypeVar("Kind", OnChange, Cron)
Answer = dg.RunRequest | dg.SkipReason


def sensors(project: Project, taken: Collection[str] = ()) -> list[dg.SensorDefinition]:
    """The sensor of everything declared `refresh=OnChange()`, running unless it is switched off; none without such."""
    watched = _declared(project, OnChange)
    if not watched or ON_CHANGE in taken:
        return []

    keys = closure(project.graph, watched)
    # Dagster makes a job of a target, which it cannot of several kinds of partitions.
    several = len(by_kind(project, keys)) > 1

    @dg.sensor(
        name=ON_CHANGE,
        target=None if several else _assets(keys),
        asset_selection=_assets(keys) if several else None,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Rebuilds, with what they are made from, when out of date: {', '.join(watched)}.",
    )
    def on_change(context: dg.SensorEvaluationContext) -> Answer:
        answer, cursor = look(project, context.instance, context.cursor or "", datetime.now(UTC))
        context.update_cursor(cursor)
        return answer

    return [on_change]


def schedules(project: Project, taken: Collection[str] = ()) -> list[dg.ScheduleDefinition]:
    """A schedule for each distinct `refresh=Cron(...)`, running unless it is switched off."""
    found = _declared(project, Cron)
    crons = sorted(set(found.values()), key=lambda cron: (cron.expression, cron.timezone))
    return [
        _schedule(project, cron, [key for key, one in found.items() if one == cron])
        for cron in crons
        if schedule_name(cron) not in taken
    ]


def schedule_name(cron: Cron) -> str:
    """What the schedule of a cron expression is called.

    >>> schedule_name(Cron("0 6 * * mon-fri", "Europe/Berlin"))
    'headrace_cron_0_6_x_x_mon_to_fri_europe_berlin'
    """
    words = {"*": "x", "-": "_to_", ",": "_and_", "/": "_every_", " ": "_"}
    text = "".join(words.get(character, character) for character in cron.expression)
    zone = "" if cron.timezone == "UTC" else "_" + "".join(one if one.isalnum() else "_" for one in cron.timezone)
    return f"headrace_cron_{text}{zone}".lower()


def _schedule(project: Project, cron: Cron, targets: Sequence[str]) -> dg.ScheduleDefinition:
    others = [key for key, one in _declared(project, Cron).items() if one != cron]

    @dg.schedule(
        name=schedule_name(cron),
        cron_schedule=cron.expression,
        execution_timezone=cron.timezone,
        target=_assets(closure(project.graph, targets)),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Rebuilds, with what they are made from, if out of date then: {', '.join(targets)}.",
    )
    def at_its_time(context: dg.ScheduleEvaluationContext) -> Answer:
        # What failed is tried again: the time was chosen by a person.
        found = wanted(project, targets, others)
        if not found.assets:
            return dg.SkipReason("Everything is fresh.")
        return _request(project, lambda: context.instance, found)

    return at_its_time


def look(project: Project, instance: dg.DagsterInstance, cursor: str, now: datetime) -> tuple[Answer, str]:
    """One tick of the sensor: what to run or why nothing, and the sensor's new cursor.

    Args:
        cursor: when each asset with a least time between two rebuilds was last asked for, as JSON.
    """
    asked: dict[str, str] = json.loads(cursor) if cursor else {}
    watched = _declared(project, OnChange)
    later = {key: again for key, one in watched.items() if (again := _next_time(asked.get(key), one)) > now}
    due = [key for key in watched if key not in later]
    try:
        found = wanted(
            project, due, [*_declared(project, Cron), *later], failed_marks(project.store, project.environment)
        )
    except DeclarationError as error:
        return dg.SkipReason(str(error)), cursor  # edited since it was loaded: whoever edits also reloads
    refusal = _refusal(project, instance, found)
    if refusal is not None:
        return dg.SkipReason(" ".join(filter(None, [refusal, _say_later(later)]))), cursor
    moved = {key: now.isoformat() for key in found.assets if key in watched and watched[key].seconds}
    return _request(project, lambda: instance, found), json.dumps({**asked, **moved}) if moved else cursor


def _refusal(project: Project, instance: dg.DagsterInstance, found: Wanted) -> str | None:
    """Why no run is asked for now; None if one should be."""
    if not found.assets:
        return found.say_blocked() if found.blocked else "Everything is fresh."
    for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)):
        if _overlaps(run, found) and is_alive(project, instance, run):
            return f"Run {run.run_id[:8]} is still in progress; what changed meanwhile is looked at after it."
    for record in instance.get_run_records(dg.RunsFilter(tags={WANTED_TAG: found.mark}), limit=1):
        ended = _ENDED.get(record.dagster_run.status)
        if ended is not None and not _moved_since(project, record):
            again = "It is tried again once something changes, or when you build it."
            return f"Run {record.dagster_run.run_id[:8]} for exactly this {ended}: {found.say()}. {again}"
    return None


def _overlaps(run: dg.DagsterRun, found: Wanted) -> bool:
    """Whether a run in progress makes any of what is wanted."""
    if WANTED_TAG in run.tags or run.job_name == BUILD_ALL:
        return True
    return not set(run.asset_selection or ()).isdisjoint(map(asset_key, found.assets))


def _moved_since(project: Project, record: dg.RunRecord) -> bool:
    """Whether something was built after a run that did what it should: then what it wanted came back."""
    if record.dagster_run.status is not dg.DagsterRunStatus.SUCCESS or record.end_time is None:
        return False
    moves = project.store.refs(project.environment).history()
    return bool(moves) and datetime.fromisoformat(moves[-1]["at"]).timestamp() > record.end_time


def _request(project: Project, instance: Callable[[], dg.DagsterInstance], found: Wanted) -> dg.RunRequest:
    """One run of all that is wanted; of several kinds of partitions, of those of the first kind.

    Without a run key: Dagster honours each once for ever, and what is wanted may come back, as when an edit is undone.
    """
    reason = found.say()
    tags = {REASON_TAG: reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…"}
    keys = together(project, found.assets)
    tags |= {WANTED_TAG: found.mark, **range_tags(project, instance, keys, found.touched)}
    return dg.RunRequest(asset_selection=[asset_key(key) for key in keys], tags=tags)


def _declared(project: Project, kind: type[Kind]) -> dict[str, Kind]:
    """The assets that declare a refresh of that kind, upstream first."""
    found = {key: declaration.refresh for key, declaration in project.graph.nodes.items()}
    return {key: one for key, one in found.items() if isinstance(one, kind)}


def _next_time(asked: str | None, refresh: OnChange) -> datetime:
    """When an asset may be asked for again."""
    if asked is None or not refresh.seconds:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(asked) + timedelta(seconds=refresh.seconds)


def _say_later(later: Mapping[str, datetime]) -> str:
    times = [f"{key} after {again.strftime('%Y-%m-%d %H:%M')} UTC" for key, again in later.items()]
    return f"Looked at again: {', '.join(times)}." if times else ""


def _assets(keys: Sequence[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*map(asset_key, keys))
