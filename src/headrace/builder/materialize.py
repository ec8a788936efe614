"""Make one asset current: reuse the version that has its fingerprint, or compute, validate and publish it."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.builder.facts import ProjectFacts
from headrace.builder.governance import refuse_ungoverned
from headrace.builder.making import Making
from headrace.builder.outcome import Done, Outcome, Request
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.source import Source
from headrace.errors import CorruptObject
from headrace.lineage.plan import Step, decide, standing
from headrace.store.failures import remembering
from headrace.store.manifest import Manifest
from headrace.store.store import Store


def materialize(project: Project, declaration: Declaration, request: Request | None = None) -> Outcome:
    """Make `declaration` current in the project's environment, given its inputs as they are now.

    Raises NotBuilt when an input has no version, SourceError, ValidationError and others when the asset cannot be
    made; then nothing is published and the last good version stays current.
    """
    request = request or Request()
    store, refs = project.store, project.store.refs(project.environment)
    inputs = {one.key: store.current(one.key, project.environment) for one in declaration.inputs}
    facts = ProjectFacts(project)
    if isinstance(declaration, Source):
        with remembering(store, project.environment, declaration.key):
            facts.parts(declaration)  # raises here, rather than becoming a reason of the plan
    upstream = {key: standing(key, one) for key, one in inputs.items()}
    step = decide(declaration, facts, upstream, forced=request.forced)
    previous = refs.current().get(declaration.key)
    if step.state == "fresh":
        return Outcome(declaration.key, "fresh", store.current(declaration.key, project.environment))
    mark = step.fingerprint or ""
    if step.marks:
        with remembering(store, project.environment, declaration.key, mark):
            return _materialize_partitions(project, declaration, facts, step, inputs, request)
    with remembering(store, project.environment, declaration.key, mark), store.building(declaration.key, mark):
        found = None if request.forced else store.find(declaration.key, mark)
        manifest = found or Making(project, declaration, facts, step, inputs, request).publish()
        refuse_ungoverned(project, declaration, manifest)
        state: Done = "built" if found is None else "reused"
        # While the lock is held: what nobody refers to may be collected as garbage.
        refs.move({declaration.key: manifest.version}, run_id=request.run_id, state=state)
    return Outcome(declaration.key, state, manifest, step.reasons, previous)


def _materialize_partitions(
    project: Project,
    declaration: Declaration,
    facts: ProjectFacts,
    step: Step,
    inputs: Mapping[str, Manifest],
    request: Request,
) -> Outcome:
    """The same of a partitioned asset, or of some of its partitions, while the others stay as they are.

    One build of it at a time in an environment: of two that make other partitions each, none may be lost.
    """
    store, refs, key = project.store, project.store.refs(project.environment), declaration.key
    with store.building(key, f"partitions in {project.environment}"):
        previous = refs.current().get(key)
        before = _sound(store, key, previous)
        asked = request.partitions is None
        found = store.find(key, step.fingerprint or "") if asked and not request.forced else None
        if found is None:
            from headrace.builder.partitioned import PartitionedMaking

            found, built = PartitionedMaking(project, declaration, facts, step, inputs, request).publish(before)
        else:
            built = False
        refuse_ungoverned(project, declaration, found)
        state: Done = "built" if built else "reused"
        refs.move({key: found.version}, run_id=request.run_id, state=state)
    old = {} if before is None else before.partitions
    moved = tuple(label for label, one in found.partitions.items() if old.get(label) != one)
    if previous == found.version and not built:
        return Outcome(key, "fresh", found)
    return Outcome(key, state, found, step.reasons, previous, moved)


def _sound(store: Store, asset: str, version: str | None) -> Manifest | None:
    try:
        return None if version is None else store.load(asset, version)
    except CorruptObject:
        return None
