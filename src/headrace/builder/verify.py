"""Whether an asset comes out the same when it is computed again from the same inputs."""

from __future__ import annotations

from headrace.builder.facts import ProjectFacts
from headrace.builder.making import Making
from headrace.builder.outcome import Request
from headrace.builder.partitioned import PartitionedMaking
from headrace.builder.project import Project
from headrace.lineage.plan import decide, standing


def differing_columns(project: Project, asset: str) -> list[str] | None:
    """Compute `asset` once more beside its current version, which stays: what differs, or None when they are equal.

    An empty list says that it differs in something that has no columns of its own, such as a model. The last digits of
    doubles count as equal. Raises what the computation raises.
    """
    store, declaration = project.store, project.graph.nodes[asset]
    inputs = {one.key: store.current(one.key, project.environment) for one in declaration.inputs}
    facts = ProjectFacts(project)
    step = decide(declaration, facts, {key: standing(key, one) for key, one in inputs.items()}, forced=True)
    current = store.current(asset, project.environment)
    if current.partitions:
        return PartitionedMaking(project, declaration, facts, step, inputs, Request()).differing(current)
    return Making(project, declaration, facts, step, inputs, Request()).differing(current)
