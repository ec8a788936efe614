"""headrace plan: what is out of date, and why."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from headrace.cli.command import Command, add_environment, add_json, add_selection
from headrace.cli.console import STYLES, say, say_json

if TYPE_CHECKING:
    from headrace.lineage.plan import Plan, State

_CHANGES_PENDING = 2
_REASONS_SHOWN = 3
_WORDS: dict[State, str] = {"build": "to build", "reuse": "to reuse", "pending": "pending", "fresh": "fresh"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    add_json(parser)
    add_environment(parser)
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit with 2 when something is to be done, 0 when nothing is"
    )


def run(given: argparse.Namespace) -> int:
    """Print the plan. Nothing is computed."""
    from headrace.builder.build import plan_project
    from headrace.cli.failures import open_project

    project = open_project(given.env)
    plan = plan_project(project, given.selection, only=given.only, force=given.force)
    if given.json:
        say_json(plan_json(plan))
    else:
        _print(plan)
    return _CHANGES_PENDING if given.detailed_exitcode and plan.work else 0


def plan_json(plan: Plan) -> dict[str, object]:
    """The plan as JSON: the selected assets with their states and reasons."""
    steps = [plan.steps[key] for key in plan.selected]
    return {
        "environment": plan.environment,
        "assets": [
            {
                "asset": step.asset,
                "state": step.state,
                "reasons": [{"kind": reason.kind, "detail": reason.detail} for reason in step.reasons],
            }
            for step in steps
        ],
    }


def _print(plan: Plan) -> None:
    steps = [plan.steps[key] for key in plan.selected]
    width = max((len(step.asset) for step in steps), default=0)
    for step in steps:
        shown = [reason.detail for reason in step.reasons[:_REASONS_SHOWN]]
        more = len(step.reasons) - len(shown)
        reasons = "; ".join([*shown, f"and {more} more (--json shows all)"] if more else shown)
        say(f"{step.asset.ljust(width)}   ", (step.state.ljust(7), STYLES[step.state]), f"  {reasons}")
    counts = Counter(step.state for step in steps)
    said = [f"{counts[state]} {words}" for state, words in _WORDS.items() if counts[state]]
    say(", ".join(said) or "This project declares no assets.")


COMMAND = Command(
    name="plan",
    summary="say what is out of date, and why",
    description="""\
Say of each asset whether a build would compute it, and why. Nothing is computed.

fresh    is up to date
reuse    a stored version has exactly these inputs and this code: only the pointer moves
build    has to be computed
pending  has to be computed only if an upstream asset comes out different""",
    examples=(
        ("headrace plan", "all assets"),
        ("headrace plan customer_activity+", "one asset and all that depends on it"),
        ("headrace plan 'features/*' --json", "for programs"),
        ("headrace plan --detailed-exitcode", "in CI: exit code 2 when something is to be done"),
    ),
    arguments=_arguments,
    run=run,
)
