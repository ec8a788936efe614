"""The catalogue: what a project's features are, who answers for them, how fresh they are, and who reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from headrace.builder.catalogue_entries import Catalogue, EntityEntry, Feature, Service, View
from headrace.builder.consumers import apart, consumers
from headrace.builder.contracts import contracts
from headrace.builder.on_demand_entries import on_demand_entries
from headrace.builder.profiles import profile_of
from headrace.builder.project import Project
from headrace.builder.sensitivity import Sensitivity
from headrace.declarations.base import Declaration
from headrace.declarations.entity import Entity
from headrace.declarations.feature_service import FeatureService
from headrace.declarations.feature_view import FeatureView
from headrace.errors import CorruptObject, UnknownName
from headrace.store.manifest import Manifest

if TYPE_CHECKING:
    from headrace.engine.profiles import Profile


def catalogue(project: Project) -> Catalogue:
    """The catalogue of a project's current versions. Nothing is computed, and no data is read."""
    manifests = current_manifests(project)
    writer = _Writer(project, manifests)
    views = [one for one in project.graph.nodes.values() if isinstance(one, FeatureView)]
    services = [_service(one) for one in project.services or ()]
    entries = [writer.view(one) for one in views]
    entries += on_demand_entries(project)
    project.statements.save()
    return Catalogue(project.root.name, project.environment, _entities(views), tuple(entries), tuple(services))


def with_statistics(project: Project, view: View) -> View:
    """The view with the statistics of its current version; made on the first request and kept, see builder.profiles."""
    manifest = current_manifests(project, [view.key]).get(view.key)
    if manifest is None:
        return view
    profile = profile_of(project, manifest)
    newest = profile.column(view.timestamp) if view.timestamp else None
    features = tuple(replace(one, statistics=statistics(profile, one.name)) for one in view.features)
    return replace(view, features=features, newest=None if newest is None else newest.greatest)


def statistics(profile: Profile, name: str) -> dict[str, Any]:
    """What a profile says of one column, without what it does not know."""
    found = profile.column(name)
    if found is None:
        return {}
    known = {label: value for label, value in asdict(found).items() if value not in (None, [], {})}
    return {"rows": profile.rows, "looked_at": profile.looked_at, **known}


def current_manifests(project: Project, keys: Sequence[str] | None = None) -> dict[str, Manifest]:
    """The current versions that can be read, of all assets or of some."""
    found: dict[str, Manifest] = {}
    for key, version in project.store.refs(project.environment).current().items():
        if key in project.graph.nodes and (keys is None or key in keys):
            try:
                found[key] = project.store.load(key, version)
            except CorruptObject:
                continue  # the plan tells of it, the next build makes it anew
    return found


def find_view(found: Catalogue, given: str) -> tuple[View, Feature | None]:
    """What `view`, `view.feature` or the name of a feature means; raises UnknownName."""
    name, _, feature = given.partition(".")
    for view in found.views:
        if name in (view.key, view.key.partition("/")[2]):
            return view, None if not feature else _feature(view, feature)
    named = [(view, one) for view in found.views for one in view.features if one.name == given]
    if len(named) == 1:
        return named[0]
    if named:
        raise UnknownName(given, "single feature: it is in", given, [one.key for _, one in named])
    known = [view.key.partition("/")[2] for view in found.views] + [one.name for one in found.features]
    raise UnknownName("This project", "feature or view", given, known)


def _feature(view: View, name: str) -> Feature:
    for one in view.features:
        if one.name == name:
            return one
    raise UnknownName(view.key, "feature", name, [one.name for one in view.features])


def search(found: Catalogue, words: Sequence[str]) -> list[Feature]:
    """The features that each of `words` is found in, best first.

    Looked at are a feature's name, its view, definition and entity, and the owners, tags and description of its view;
    what is in its name counts most.
    """
    lowered = [word.lower() for word in words]
    ranked = [(_rank(one, lowered), number, one) for number, one in enumerate(found.features)]
    return [one for rank, _, one in sorted(ranked, key=lambda entry: (-(entry[0] or 0), entry[1])) if rank]


def _rank(feature: Feature, words: Sequence[str]) -> int | None:
    tags = " ".join(f"{name}:{value} {name}={value}" for name, value in feature.tags.items())
    texts = (
        (8, feature.name),
        (4, feature.key),
        (2, " ".join((*feature.entities, tags, *feature.owners, feature.type, *feature.consumers))),
        (1, f"{feature.definition} {feature.description}"),
    )
    total = 0
    for word in words:
        found = [weight + (weight if text.lower() == word else 0) for weight, text in texts if word in text.lower()]
        if not found:
            return None
        total += max(found)
    return total


class _Writer:
    def __init__(self, project: Project, manifests: Mapping[str, Manifest]) -> None:
        self._manifests = manifests
        self._sensitivity = Sensitivity(project)
        self._contracts = contracts(project)
        self._consumers = consumers(project, manifests)

    def view(self, view: FeatureView) -> View:
        manifest = self._manifests.get(view.key)
        contract = self._contracts.get(view.key)
        return View(
            key=view.key,
            entities=_entity_names(view),
            keys=view.keys,
            timestamp=view.timestamp,
            ttl=view.ttl,
            description=view.description,
            owners=tuple(view.owners),
            tags=dict(view.tags),
            online=view.online,
            version=manifest.version if manifest else None,
            rows=manifest.rows if manifest else None,
            built_at=manifest.created_at if manifest else "",
            contract=contract.version if contract else view.version,
            features=tuple(self._features(view, manifest)),
        )

    def _features(self, view: FeatureView, manifest: Manifest | None) -> list[Feature]:
        columns = dict(manifest.columns) if manifest else dict.fromkeys(view.columns() or (), "")
        hidden = self._sensitivity.of_asset(view.key)
        definitions = definitions_of(view)
        return [
            Feature(
                view=view.key,
                name=name,
                type=kind,
                definition=definitions.get(name, _code_of(view)),
                entities=_entity_names(view),
                description=view.description,
                owners=tuple(view.owners),
                tags=dict(view.tags),
                consumers=tuple(self._consumers.get(f"{view.key}.{name}", ())),
                sensitive=hidden.get(name, ()),
            )
            for name, kind in columns.items()
            if name not in apart(view)
        ]


def definitions_of(view: FeatureView) -> dict[str, str]:
    """How each feature is computed, as in `sum(amount) over 7d`; nothing where code does it."""
    source = view.inputs[0].key
    found = {name: f"{source}.{column}" for name, column in view.selected or ()}
    for one in view.windowed:
        taken = ", ".join(filter(None, (one.column or "*", one.parameter_text)))
        over = f" over {one.window or view.ttl or 'all time'}"
        found[one.name] = f"{one.function}({taken}){over}{f' where {one.where}' if one.where else ''}"
    return found


def _code_of(view: FeatureView) -> str:
    if view.derivation is None:
        return ""
    inputs = ", ".join(one.key for one in view.inputs)
    return f"{'SQL' if view.derivation.sql is not None else view.derivation.function.__name__ + '()'} over {inputs}"


def _entity_names(view: FeatureView) -> tuple[str, ...]:
    entities: Sequence[Entity] = view.entity  # type: ignore[assignment]  # a tuple after __post_init__
    return tuple(one.name for one in entities)


def _entities(views: Sequence[FeatureView]) -> tuple[EntityEntry, ...]:
    found: dict[str, Entity] = {}
    for view in views:
        found |= {one.name: one for one in view.entity}  # type: ignore[union-attr]  # a tuple after __post_init__
    return tuple(
        EntityEntry(
            name=one.name,
            keys=tuple(one.keys),
            **_described(one),
            views=tuple(view.key for view in views if one.name in _entity_names(view)),
        )
        for one in found.values()
    )


def _service(service: FeatureService) -> Service:
    return Service(
        name=service.name,
        version=service.version,
        **_described(service),
        views=tuple(view.key for view in service.listed.views),
        features=tuple(service.columns() or ()),
    )


def _described(declaration: Declaration) -> dict[str, Any]:
    return {
        "description": declaration.description,
        "owners": tuple(declaration.owners),
        "tags": dict(declaration.tags),
    }
