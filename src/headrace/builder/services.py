"""Feature services: their descriptions, published beside the store for whoever reads features."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.builder.project import Project
from headrace.declarations.feature_service import FeatureService
from headrace.declarations.feature_view import FeatureView
from headrace.errors import CorruptObject, HeadraceError
from headrace.lineage.canonical import digest
from headrace.store.services import ServiceDescription, published_services, read_service, services_folder, write_service


def publish_services(project: Project) -> dict[str, HeadraceError]:
    """Describe each service whose views are built, where it is not yet; returns what kept it from that, by name.

    A service that could not be described keeps its last description. One that is no longer declared loses its own,
    but not those of its versions. Costs next to nothing when nothing changed.
    """
    failed: dict[str, HeadraceError] = {}
    versions = project.store.refs(project.environment).current() if project.services is not None else {}
    for service in project.services or ():
        try:
            _publish(project, service, versions)
        except HeadraceError as error:
            failed[f"services/{service.name}"] = error
    if project.services:
        _retire(project, {service.name for service in project.services})
    return failed


def _publish(project: Project, service: FeatureService, versions: Mapping[str, str]) -> None:
    views = service.listed.views
    if any(view.key not in versions for view in views):
        return
    made_of = _made_of(service, {view.key: versions[view.key] for view in views})
    if _published(project, service.name) == (service.version, made_of):
        return
    from headrace.engine.service_descriptions import describe_list, require_importable

    def types(view: FeatureView) -> dict[str, str]:
        return {name: kind for name, kind in project.store.load(view.key, versions[view.key]).columns}  # noqa: C416

    described = describe_list(
        service.name,
        service.version,
        service.listed,
        types,
        description=service.description,
        owners=tuple(service.owners),
        tags=dict(service.tags),
        made_of=made_of,
    )
    require_importable(described)
    write_service(project.store.root, project.environment, described)


def _made_of(service: FeatureService, versions: Mapping[str, str]) -> str:
    """What a description follows from; the versions of views give it its types."""
    from headrace.lineage.code import code_parts

    listed = service.listed
    said = [service.version, service.description, list(service.owners), dict(service.tags)]
    reads = [[one.data(), bool(getattr(one.view, "online", False))] for one in listed.reads]
    code = [[one.name, one.data(), code_parts(one.where, one.function)] for one in listed.on_demand]
    order = [one.data() for one in listed.items]
    return digest([said, reads, code, order, dict(versions)])


def _published(project: Project, name: str) -> tuple[int, str] | None:
    found = _read(project, name)
    return None if found is None else (found.version, found.made_of)


def _read(project: Project, name: str) -> ServiceDescription | None:
    try:
        return read_service(services_folder(project.store.root, project.environment) / f"{name}.json")
    except (FileNotFoundError, CorruptObject):
        return None  # written anew


def _retire(project: Project, declared: set[str]) -> None:
    for name in published_services(project.store.root, project.environment):
        if name not in declared:
            (services_folder(project.store.root, project.environment) / f"{name}.json").unlink(missing_ok=True)
