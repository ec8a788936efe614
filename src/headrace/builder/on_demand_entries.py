"""On-demand features in the catalogue: they are computed when somebody asks, so there is no version of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.builder.catalogue_entries import MODELS, Feature, View
from headrace.builder.project import Project
from headrace.declarations.entity import Entity
from headrace.declarations.on_demand import OnDemand
from headrace.declarations.training_set import TrainingSet

LAYER = "on_demand"


def on_demand_in(project: Project) -> tuple[OnDemand, ...]:
    """The on-demand features of a project's training sets and services, each once."""
    sets = [one for one in project.graph.nodes.values() if isinstance(one, TrainingSet)]
    lists = [*(one.listed for one in sets), *(one.listed for one in project.services or ())]
    return tuple(dict.fromkeys(one for listed in lists for one in listed.on_demand))


def on_demand_entries(project: Project) -> list[View]:
    """Each as a view of the features that its function returns."""
    return [_entry(project, one) for one in on_demand_in(project)]


def readers_of(project: Project, on_demand: OnDemand) -> list[str]:
    """The training sets and services that ask for it, and the models that learn from these."""
    found: dict[str, None] = {}
    for key, one in project.graph.nodes.items():
        if isinstance(one, TrainingSet) and on_demand in one.listed.on_demand:
            later = project.graph.descendants(key)
            found |= dict.fromkeys((key, *(other for other in project.graph.keys if other in later)))
    kept = [key for key in found if isinstance(project.graph.nodes[key], TrainingSet) or key.startswith(MODELS)]
    services = (one for one in project.services or () if on_demand in one.listed.on_demand)
    return [*kept, *(f"services/{one.name}" for one in services)]


def _entry(project: Project, one: OnDemand) -> View:
    entities = {entity.name: entity for entity in _entities(one)}
    readers = tuple(readers_of(project, one))
    common: dict[str, Any] = {"description": one.description, "owners": tuple(one.owners), "tags": dict(one.tags)}
    features = tuple(
        Feature(
            view=f"{LAYER}/{one.name}",
            name=name,
            type=one.types.get(name, ""),
            definition=f"{one.function.__name__}() of {', '.join(_inputs(one))}",
            entities=tuple(entities),
            consumers=readers,
            **common,
        )
        for name in one.feature_names() or (one.name,)
    )
    return View(
        key=f"{LAYER}/{one.name}",
        entities=tuple(entities),
        keys=tuple(dict.fromkeys(column for selection in one.selections for column, _ in selection.keys)),
        timestamp=None,
        ttl=None,
        online=False,
        version=None,
        rows=None,
        built_at="",
        contract=None,
        features=features,
        **common,
    )


def _entities(one: OnDemand) -> Iterator[Entity]:
    for selection in one.selections:
        yield from selection.view.entity  # type: ignore[misc]  # a tuple after __post_init__


def _inputs(one: OnDemand) -> Iterator[str]:
    yield from dict.fromkeys(selection.view.key for selection in one.selections)
    yield from (f"request {request.name}" for request in one.requests)
