"""What the catalogue says of a feature view, in Dagster: its features with statistics, and who reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.builder.catalogue import definitions_of, statistics
from headrace.builder.catalogue_entries import MODELS
from headrace.builder.contracts import contracts
from headrace.builder.profiles import kept_profile, profile_of
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.orchestration.tables import table
from headrace.store.manifest import Manifest

_SHOWN = ("nulls", "least", "mean", "greatest", "distinct")


def catalogue_metadata(
    project: Project, declaration: Declaration, manifest: Manifest, hidden: Mapping[str, Any], *, look: bool
) -> dict[str, Any]:
    """What the catalogue says of a feature view's current version; nothing of anything else.

    Args:
        hidden: its sensitive columns.
        look: whether statistics that nobody asked for yet may be made, which takes a moment.
    """
    if not isinstance(declaration, FeatureView):
        return {}
    contract = contracts(project).get(declaration.key)
    profile = profile_of(project, manifest) if look else kept_profile(project, manifest)
    apart = {*declaration.keys, declaration.timestamp, declaration.created}
    definitions = definitions_of(declaration)
    rows = []
    for name, kind in manifest.columns if profile is not None else ():
        if name not in apart:
            known = statistics(profile, name) if profile else {}
            shown = {label: known.get(label, "") for label in _SHOWN}
            note = {"sensitive": "yes" if name in hidden else ""} if hidden else {}
            rows.append({"feature": name, "type": kind, "is": definitions.get(name, ""), **shown, **note})
    newest = profile.column(declaration.timestamp) if profile and declaration.timestamp else None
    return {
        "statistics": table(rows),
        "newest event": None if newest is None else newest.greatest,
        "read by": ", ".join(_readers(project, declaration)) or "nothing",
        "contract": None if contract is None else f"version {contract.version}",
    }


def _readers(project: Project, view: FeatureView) -> Iterator[str]:
    """What reads it at once, the services that hand it out, and the models that it reaches."""
    yield from project.graph.downstream[view.key]
    for service in project.services or ():
        if view in service.listed.views:
            yield f"services/{service.name}"
    near = set(project.graph.downstream[view.key])
    far = project.graph.descendants(view.key)
    yield from (key for key in project.graph.keys if key in far and key not in near and key.startswith(MODELS))
