"""From a question to the JSON that answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from headrace.errors import OnDemandError, OnlineError, RequestError, StoreError, closest, name_list
from headrace.serving.feature_store import FeatureStore
from headrace.serving.http.limits import Refused, as_json
from headrace.serving.http.questions import Question
from headrace.serving.online_features import OnlineFeatures, statuses
from headrace.serving.service_plan import ServicePlan
from headrace.store.online.base import Found, Status

_TRIES = 5
_MOST_REMEMBERED = 1000


def answer(store: FeatureStore, name: str, question: Question) -> bytes:
    """The answer as JSON; raises Refused for a question that cannot be answered, with the reason."""
    with refusing():
        plan = store.plan(name)
        chosen = _chosen(plan, question.features)
        versions, found = _at_one_version(store, plan, question)
    head = {
        "service": plan.description.name,
        "version": plan.description.version,
        "environment": store.environment,
        "views": versions,
        "complete": found.complete,
    }
    return b'%b,"rows":[%b]}' % (as_json(head)[:-1], b",".join(_rows(plan, found, chosen)))


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what a question fails by into what is answered."""
    try:
        yield
    except RequestError as error:
        raise Refused(error.reason, error.problem, error.field) from error
    except OnDemandError as error:
        raise Refused("on_demand_failed", str(error)) from error
    except OnlineError as error:
        raise Refused("not_filled" if "never filled" in error.problem else "unavailable", str(error)) from error
    except StoreError as error:
        raise Refused("unavailable", str(error)) from error


def _at_one_version(
    store: FeatureStore, plan: ServicePlan, question: Question
) -> tuple[dict[str, dict[str, Any]], OnlineFeatures]:
    """The answer with the versions that it is of: asked again when a refill went by in between."""
    online = store.online_store
    before = _versions(store, plan)
    for _ in range(_TRIES):
        found = plan.answer(online, question.keys, question.request)
        after = _versions(store, plan)
        if after == before:
            break
        before = after
    return before, found


def _versions(store: FeatureStore, plan: ServicePlan) -> dict[str, dict[str, Any]]:
    found = {view: store.online_store.describe(view) for view in plan.views}
    return {
        view: {"version": schema.version, "filled_at": schema.filled_at} for view, schema in found.items() if schema
    }


def _chosen(plan: ServicePlan, features: Sequence[str] | None) -> tuple[int, ...]:
    names = plan.names
    if features is None:
        return plan.everything
    for name in features:
        if name not in names:
            near = closest(name[:60], names)
            hint = f" Did you mean {near!r}?" if near else ""
            raise RequestError(
                "unknown_feature", f"unknown feature {name[:60]!r}.{hint} Known: {name_list(names)}.", "features"
            )
    return tuple(names.index(name) for name in names if name in features)


def _rows(plan: ServicePlan, found: OnlineFeatures, chosen: tuple[int, ...]) -> Iterator[bytes]:
    """Each row as JSON. Most of a row is what many rows share, and that is written once."""
    names = [plan.names[number] for number in chosen]
    rows = found.rows if len(chosen) == len(plan.names) else map(_picker(chosen), found.rows)
    reads = found.found
    times = _by_row([_moments(label, one) for label, one in zip(plan.labels, reads, strict=True)], len(found))
    written: dict[tuple[Status, ...], bytes] = {}
    states = _by_row([[one[2] for one in read] for read in reads], len(found))
    for values, state, moments in zip(rows, states, times, strict=True):
        status = written.get(state)
        if status is None:
            status = written[state] = _status(plan, chosen, state)
        told = as_json(dict(zip(names, values, strict=True)))
        yield b'{"values":%b,"status":%b,"event_times":{%b}}' % (told, status, b",".join(moments))


def _by_row(columns: Sequence[Sequence[Any]], rows: int) -> Iterable[tuple[Any, ...]]:
    """What there is of each row; nothing, where what is asked for is made of requests alone."""
    return zip(*columns, strict=True) if columns else [()] * rows


def _moments(label: str, read: Sequence[Found]) -> list[bytes]:
    """When the values of each row became true, as a member of an object; rows often share it."""
    name = as_json(label)
    known = {moment: b"%b:%b" % (name, as_json(moment)) for moment in {one[1] for one in read}}
    return [known[one[1]] for one in read]


def _status(plan: ServicePlan, chosen: tuple[int, ...], states: tuple[Status, ...]) -> bytes:
    """The statuses of a row's features, remembered with the plan: there are few combinations."""
    known = plan.written.get((chosen, states))
    if known is None:
        if len(plan.written) >= _MOST_REMEMBERED:
            plan.written.clear()
        known = as_json(statuses([plan.origins[number] for number in chosen], states))
        plan.written[(chosen, states)] = known
    return known


def _picker(chosen: tuple[int, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if len(chosen) > 1:
        return itemgetter(*chosen)
    place = chosen[0]
    return lambda values: (values[place],)
