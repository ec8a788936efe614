"""Who reads a feature: every asset with a column that is made of it, and every service that hands it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from headrace.builder.lineages import lineage_of
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.feature_service import FeatureService
from headrace.declarations.feature_view import FeatureView
from headrace.lineage.column_lineage import EVERY, Lineage, column_lineage
from headrace.store.manifest import Manifest

Feature = str
"""A feature as `features/view.name`."""


def consumers(project: Project, manifests: Mapping[str, Manifest]) -> dict[Feature, list[str]]:
    """The assets and services that read each feature, upstream first; `services/name` for services.

    Followed by values through the lineage of the current versions, and through the declarations of what is not built
    yet, as far as these name their columns.

    Args:
        manifests: the current versions.
    """
    flows = _Flows(project, manifests)
    found: dict[Feature, dict[str, None]] = {}
    for key in project.graph.nodes:
        for feature in flows.into(key):
            if feature.partition(".")[0] != key:
                found.setdefault(feature, {})[key] = None
    for service in project.services or ():
        for feature in _handed_out(service, flows):
            found.setdefault(feature, {})[f"services/{service.name}"] = None
    return {feature: list(readers) for feature, readers in found.items()}


class _Flows:
    """Which features flow into each column of each asset."""

    def __init__(self, project: Project, manifests: Mapping[str, Manifest]) -> None:
        self._columns: dict[str, Sequence[str]] = {}
        self._flows: dict[str, dict[str, dict[Feature, None]]] = {}
        for key, declaration in project.graph.nodes.items():
            manifest = manifests.get(key)
            columns = [name for name, _ in manifest.columns] if manifest else list(declaration.columns() or ())
            known = {one.key: self._columns[one.key] for one in declaration.inputs}
            lineage = lineage_of(project, manifest) if manifest else _declared_lineage(declaration, columns, known)
            self._columns[key] = list(dict.fromkeys([*columns, *lineage.values]))
            self._flows[key] = {name: self._of_column(declaration, name, lineage) for name in self._columns[key]}

    def into(self, key: str) -> Iterator[Feature]:
        """The features that flow into any column of an asset."""
        yield from dict.fromkeys(feature for found in self._flows[key].values() for feature in found)

    def columns(self, key: str) -> Sequence[str]:
        return self._columns.get(key, ())

    def _of_column(self, declaration: Declaration, name: str, lineage: Lineage) -> dict[Feature, None]:
        own = isinstance(declaration, FeatureView) and name not in apart(declaration)
        found: dict[Feature, None] = {f"{declaration.key}.{name}": None} if own else {}
        for origin in lineage.values.get(name, ()):
            key, _, column = origin.partition(".")
            flows = self._flows.get(key, {})
            for one in flows if column == EVERY else [column]:
                found |= flows.get(one, {})
        return found


def _declared_lineage(declaration: Declaration, columns: Sequence[str], known: Mapping[str, Sequence[str]]) -> Lineage:
    """Of code nothing is said before it has run."""
    if getattr(declaration, "derivation", None) is not None:
        return Lineage()
    return column_lineage(declaration, columns, known)


def apart(view: FeatureView) -> set[str | None]:
    """The columns of a view that are no features."""
    return {*view.keys, view.timestamp, view.created}


def _handed_out(service: FeatureService, flows: _Flows) -> Iterator[Feature]:
    for selection in service.listed.reads:
        view = selection.view
        known: Iterable[str] = [name for name in flows.columns(view.key) if name not in apart(view)]
        for _, name in selection.features(list(known)) or ():
            yield f"{view.key}.{name}"
