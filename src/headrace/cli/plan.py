"""headrace plan: what is out of date, and why."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from headrace.cli.command import Command, add_environment, add_json, add_selection
from headrace.cli.console import STYLES, say, say_json
from headrace.cli.format import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.builder.project import Project
    from headrace.lineage.plan import Plan, Reason, State, Step

_FAILED = 1
_CHANGES_PENDING = 2
_REASONS_SHOWN = 3
_WORDS: dict[State, str] = {"build": "to build", "reuse": "to reuse", "pending": "pending", "fresh": "fresh"}
_ONLY, _DIFFERS = "only if ", " comes out different"
_ABOUT: dict[State, str] = {"build": "about", "pending": "up to"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    add_json(parser)
    add_environment(parser)
    parser.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help="exit with 0 when nothing is to be done, 2 when something is, 1 on any error",
    )


def run(given: argparse.Namespace) -> int:
    """Print the plan. Nothing is computed."""
    from headrace.builder.planning import plan_project
    from headrace.cli.failures import open_project

    project = open_project(given.env)
    plan = plan_project(project, given.selection, only=given.only, force=given.force)
    seconds = expected_seconds(project, plan)
    if given.json:
        say_json(plan_json(plan, seconds))
    else:
        _print(plan, seconds)
    if any(reason.kind == "unreadable" for step in plan.work for reason in step.reasons):
        return _FAILED
    return _CHANGES_PENDING if given.detailed_exitcode and plan.work else 0


def expected_seconds(project: Project, plan: Plan) -> dict[str, float | None]:
    """How long each selected asset may take, going by the last time; None where it was never built."""
    return {key: _expected(project, plan.steps[key]) for key in plan.selected}


def _expected(project: Project, step: Step) -> float | None:
    if step.state in ("fresh", "reuse"):
        return 0.0
    if step.seconds is not None:
        return step.seconds
    elsewhere = project.store.versions(step.asset)
    return elsewhere[-1].seconds if elsewhere else None


def plan_json(plan: Plan, seconds: Mapping[str, float | None]) -> dict[str, object]:
    """The plan as JSON: the selected assets with their states, reasons and expected seconds, and these added up."""
    steps = [plan.steps[key] for key in plan.selected]
    return {
        "environment": plan.environment,
        "assets": [
            {
                "asset": step.asset,
                "state": step.state,
                "reasons": [{"kind": reason.kind, "detail": reason.detail} for reason in step.reasons],
                "seconds": seconds[step.asset],
                **_partitions_json(step),
            }
            for step in steps
        ],
        "seconds": {state: round(_total(plan, state, seconds)[0], 3) for state in _ABOUT},
    }


def _partitions_json(step: Step) -> dict[str, object]:
    """The partitions that are to be computed, or may be; null is any. Nothing for what has none."""
    known = step.version or step.before
    if not step.marks and step.touched is None and not (known and known.partitions):
        return {}
    if step.state == "fresh":
        return {"partitions": []}
    return {"partitions": None if step.touched is None else sorted(step.touched)}


def _total(plan: Plan, state: State, seconds: Mapping[str, float | None]) -> tuple[float, int]:
    """The seconds of all assets in a state added up, and of how many they are not known."""
    known = [seconds[key] for key in plan.selected if plan.steps[key].state == state]
    return sum(one for one in known if one is not None), sum(one is None for one in known)


def _print(plan: Plan, seconds: Mapping[str, float | None]) -> None:
    steps = [plan.steps[key] for key in plan.selected]
    width = max((len(step.asset) for step in steps), default=0)
    for step in steps:
        state = (step.state.ljust(7), STYLES[step.state])
        say(f"{step.asset.ljust(width)}   ", state, f"  {reasons_text(step.reasons)}")
    counts = Counter(step.state for step in steps)
    said = [
        f"{counts[state]} {words}{_estimate(plan, state, seconds)}" for state, words in _WORDS.items() if counts[state]
    ]
    say(", ".join(said) or "This project declares no assets.")


def reasons_text(reasons: Sequence[Reason]) -> str:
    """Reasons on one line; those to wait for in one sentence."""
    waits = [reason.detail for reason in reasons if reason.kind == "upstream"]
    if len(waits) == len(reasons) > 1 and all(one.startswith(_ONLY) and one.endswith(_DIFFERS) for one in waits):
        names = [one.removeprefix(_ONLY).removesuffix(_DIFFERS) for one in waits]
        more = len(names) - _REASONS_SHOWN
        named = [*names[:_REASONS_SHOWN], *([f"{more} more"] if more > 0 else [])]
        return f"{_ONLY}{', '.join(named[:-1])} or {named[-1]} come out different"
    shown = [reason.detail for reason in reasons[:_REASONS_SHOWN]]
    more = len(reasons) - len(shown)
    return "; ".join([*shown, f"and {more} more (--json shows all)"] if more else shown)


def _estimate(plan: Plan, state: State, seconds: Mapping[str, float | None]) -> str:
    """As in ` (about 3.2 s)`; nothing where no asset has been built before."""
    total, unknown = _total(plan, state, seconds)
    if state not in _ABOUT or not total:
        return ""
    new = f", {unknown} for the first time" if unknown else ""
    return f" ({_ABOUT[state]} {roughly(total)}{new})"


def roughly(seconds: float) -> str:
    """An estimate, with no more digits than it deserves.

    >>> roughly(0.04), roughly(3.24), roughly(12.4), roughly(75)
    ('0.1 s', '3.2 s', '12 s', '1 min 15 s')
    """
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else duration(seconds)


COMMAND = Command(
    name="plan",
    summary="say what is out of date, and why",
    description="""\
Say of each asset whether a build would compute it, and why. Nothing is computed.

fresh    is up to date
reuse    a stored version has exactly these inputs and this code: only the pointer moves
build    has to be computed
pending  has to be computed only if an upstream asset comes out different

Times are those of the last builds added up, as if one asset were built after another; side by side it
takes less.""",
    examples=(
        ("headrace plan", "all assets"),
        ("headrace plan customer_activity+", "one asset and all that depends on it"),
        ("headrace plan 'features/*' --json", "for programs"),
        ("headrace plan --select 'kind:sql and not +recommend'", "Dagster's selection syntax"),
        ("headrace plan --detailed-exitcode", "in CI: exit code 2 when something is to be done"),
    ),
    arguments=_arguments,
    run=run,
)
