"""The plan of a project: what a build of a selection would do."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.builder.facts import ProjectFacts
from headrace.builder.project import Project
from headrace.lineage.plan import Plan, make_plan
from headrace.lineage.selection import select


def plan_project(project: Project, selection: Sequence[str] = (), *, only: bool = False, force: bool = False) -> Plan:
    """The plan of a build of `selection`: what is selected, and what it needs that is not fresh.

    Args:
        only: leave out-of-date inputs as they are instead of building them first.
        force: compute the selected assets even where nothing changed.
    """
    chosen = select(project.graph, selection)
    facts = ProjectFacts(project)
    plan = make_plan(project.graph, facts, project.environment, chosen, forced=chosen if force else ())
    project.statements.save()
    if only or len(chosen) == len(project.graph.keys):
        return plan
    needed = set(chosen).union(*(project.graph.ancestors(key) for key in chosen))
    wanted = [
        key for key in project.graph.keys if key in chosen or (key in needed and plan.steps[key].state != "fresh")
    ]
    return Plan(plan.environment, plan.steps, tuple(wanted))
