"""The plan of a project: what a build of a selection would do."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.builder.contracts import refuse_broken_plan
from headrace.builder.facts import ProjectFacts
from headrace.builder.governance import check_governance, refuse_sensitive_plan
from headrace.builder.project import Project
from headrace.lineage.plan import Plan, make_plan
from headrace.lineage.selection import select


def plan_project(
    project: Project,
    selection: Sequence[str] = (),
    *,
    only: bool = False,
    force: bool = False,
    governed: bool = True,
) -> Plan:
    """The plan of a build of `selection`: what is selected, and what it needs that is not fresh.

    Args:
        only: leave out-of-date inputs as they are instead of building them first.
        force: compute the selected assets even where nothing changed.
        governed: whether it is a plan to act on. Who only looks at states does without what would forbid it.

    Raises GovernanceError and ContractBroken for declarations that must not be built as they are.
    """
    if governed:
        check_governance(project)
    chosen = select(project.graph, selection)
    facts = ProjectFacts(project)
    plan = make_plan(project.graph, facts, project.environment, chosen, forced=chosen if force else ())
    project.statements.save()
    if not only and len(chosen) < len(project.graph.keys):
        plan = Plan(plan.environment, plan.steps, _with_needed(project, plan, chosen))
    if governed:
        refuse_sensitive_plan(project, plan.selected)
        refuse_broken_plan(project, plan)
    return plan


def _with_needed(project: Project, plan: Plan, chosen: Sequence[str]) -> tuple[str, ...]:
    """The chosen assets, and what they need that is not fresh."""
    needed = set(chosen).union(*(project.graph.ancestors(key) for key in chosen))
    wanted = [
        key for key in project.graph.keys if key in chosen or (key in needed and plan.steps[key].state != "fresh")
    ]
    return tuple(wanted)
