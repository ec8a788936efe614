"""What [tool.headrace.governance] asks of declarations, and what keeps sensitive columns out of the online store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from headrace.builder.contracts import record_contracts, refuse_broken
from headrace.builder.project import Project
from headrace.builder.sensitivity import Sensitivity, record_sensitive
from headrace.builder.sharing import record_published
from headrace.declarations.base import Declaration
from headrace.declarations.cascade import CascadeStage
from headrace.declarations.feature_view import FeatureView
from headrace.errors import GovernanceError
from headrace.store.manifest import Manifest

_ONLINE = "online"
_DERIVED = ("indexes", _ONLINE)  # layers that follow from other declarations, whose owners and tags they share


def check_governance(project: Project) -> None:
    """Raise GovernanceError where a declaration lacks the owners or tags that the project requires."""
    rules = project.settings.governance
    if not rules.require_owners and not rules.require_tags:
        return
    found = [*project.graph.nodes.values(), *(project.services or ())]
    violations = [text for one in found for text in _missing(project, one)]
    if violations:
        fix = "Say owners= and tags= where they are declared, or change [tool.headrace.governance] of pyproject.toml."
        raise GovernanceError(violations, f"{fix} Nothing was built.")


def _missing(project: Project, declaration: Declaration) -> Iterator[str]:
    rules = project.settings.governance
    layer = declaration.kind or "services"
    if layer in _DERIVED or isinstance(declaration, CascadeStage):
        return
    if layer in rules.require_owners and not declaration.owners:
        yield f"{declaration.where} has no owners"
    absent = [name for name in rules.require_tags.get(layer, ()) if name not in declaration.tags]
    if absent:
        has = ", ".join(sorted(declaration.tags)) or "none"
        yield f"{declaration.where} lacks the tag {', '.join(map(repr, absent))}; it has {has}"


def record_governance(project: Project, keys: Iterable[str]) -> None:
    """Remember what a build published: contracts, what these views are, and which columns are sensitive."""
    known = [*keys]
    record_sensitive(project)
    record_contracts(project, known)
    record_published(project, known)
    project.statements.save()  # sensitive columns may have been followed through SQL


def refuse_ungoverned(project: Project, declaration: Declaration, manifest: Manifest) -> None:
    """What was made is not published before it keeps what its view promises, and sensitive columns to itself."""
    refuse_broken(project, declaration, manifest.columns)
    refuse_sensitive(project, declaration, manifest)


def refuse_sensitive_plan(project: Project, selected: Iterable[str]) -> None:
    """Raise GovernanceError when a selected online view would hold sensitive columns, as far as is known already."""
    views = [project.graph.nodes[key] for key in selected if key.startswith(f"{_ONLINE}/")]
    if views:
        sensitivity = Sensitivity(project)
        _refuse([text for one in views for text in _served(sensitivity, one, one.columns())])


def refuse_sensitive(project: Project, declaration: Declaration, manifest: Manifest) -> None:
    """Raise GovernanceError when a finished version of an online view holds sensitive columns."""
    if declaration.kind == _ONLINE:
        columns = [name for name, _ in manifest.columns]
        _refuse(list(_served(Sensitivity(project), declaration, columns)))


def _served(sensitivity: Sensitivity, online: Declaration, columns: Sequence[str] | None) -> Iterator[str]:
    """What it would serve, and for windows what of their events it would keep."""
    for view in online.inputs:
        found = {column: (view.key, origins) for column, origins in sensitivity.of_asset(view.key).items()}
        for one in view.inputs if isinstance(view, FeatureView) and view.windowed and columns is not None else ():
            found = {column: (one.key, origins) for column, origins in sensitivity.of_asset(one.key).items()} | found
        for column, (asset, origins) in found.items():
            if (columns is None or column in columns) and not sensitivity.is_allowed(online.key, column):
                other = [origin for origin in origins if origin != f"{asset}.{column}"]
                said = f", as it comes from {', '.join(other)}" if other else ""
                yield f"{online.key} would hold {asset}.{column}, which is sensitive{said}"


def _refuse(violations: Sequence[str]) -> None:
    if violations:
        fix = (
            "Leave the column out of the view, or put it into a view of its own that is not online. If it may be "
            'served: allow_sensitive = ["online/VIEW.COLUMN"] in [tool.headrace.governance] of pyproject.toml.'
        )
        raise GovernanceError(violations, f"{fix} Nothing was published.")
