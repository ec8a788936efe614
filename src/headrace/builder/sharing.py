"""Shared projects: what a project publishes of its views, and how another one reads them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from headrace.builder.lineages import lineage_of
from headrace.builder.project import Project
from headrace.builder.sensitivity import Sensitivity
from headrace.declarations.aggregate import PARAMETERS, Aggregate
from headrace.declarations.entity import Entity
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.published import Published
from headrace.errors import CorruptObject, DeclarationError, ProjectError, UnknownName
from headrace.lineage.column_lineage import Lineage
from headrace.lineage.graph import Graph
from headrace.settings import find_root, read_settings
from headrace.store.atomic import write_atomically
from headrace.store.manifest import Manifest
from headrace.store.store import Store

FORMAT = 1


def record_published(project: Project, keys: Iterable[str]) -> None:
    """Write down what the views among these assets are, for projects that read their tables."""
    current = project.store.refs(project.environment).current()
    known = _published(project.store_folder, project.environment)
    sensitivity = Sensitivity(project)
    nodes = {key: project.graph.nodes[key] for key in keys if key in current}
    found = known | {key: _told(one, sensitivity) for key, one in nodes.items() if isinstance(one, FeatureView)}
    if found != known:
        _write(project.store_folder, project.environment, found)


def promote_published(project: Project, source: str, target: str, keys: Iterable[str]) -> None:
    """Publish these views in `target` as they are in `source`."""
    offered, known = (_published(project.store_folder, one) for one in (source, target))
    found = known | {key: offered[key] for key in keys if key in offered}
    if found != known:
        _write(project.store_folder, target, found)


def _write(store: Path, environment: str, views: Mapping[str, Any]) -> None:
    path = _path(store, environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"format": FORMAT, "views": views}, indent=1, sort_keys=True))


def published(
    project: str | Path,
    asset: str,
    *,
    environment: str | None = None,
    name: str | None = None,
    entity: Entity | Iterable[Entity] | None = None,
) -> FeatureView | Published:
    """A feature view, or another table, that another project has published, to be used like one's own.

    Its rows become a version of this project's store as soon as the other project's current version has other
    content; nothing of that project's code is imported. Windows are evaluated here, from the same events. What is
    sensitive there is sensitive here.

    Args:
        project: the other project's folder; relative ones start from the project of the calling module.
        asset: its key there, such as "features/demand"; "demand" means the feature view.
        environment: whose version is read; by default the one that the other project's pyproject.toml names.
        name: what the view is called here; by default as it is there.
        entity: the entities of this project that it describes; by default those of the other project.

    Raises DeclarationError where the project or the asset is not there.
    """
    where = f"published({str(project)!r}, {asset!r})"
    place = Path(project)
    if not place.is_absolute():
        place = _caller_root() / place
    store, environment = _store_of(where, place, environment)
    key = asset if "/" in asset else f"features/{asset}"
    manifest = _current(where, store, key, environment)
    told = _published(store, environment).get(key)
    shared = {"project": str(project), "asset": key, "environment": environment, "store": str(store)}
    title = name or key.rpartition("/")[2]
    if not key.startswith("features/"):
        return _source(title, manifest, {}, shared)
    if told is None:
        raise DeclarationError(where, "was built by an older Headrace.", fix="Build it there again.")
    source = _source(f"{title}_of_{_as_name(place.resolve().name)}", manifest, told, shared)
    return _view(title, source, manifest, told, entity)


def lineage_there(store: Path, environment: str, asset: str) -> Lineage | None:
    """The column lineage of another project's asset, from its store alone; None where it has no readable version."""
    there = Project(root=store.parent, graph=Graph(()), store_folder=store, data_folder=store, environment=environment)
    version = there.store.refs(environment).current().get(asset)
    try:
        return None if version is None else lineage_of(there, there.store.load(asset, version))
    except CorruptObject:
        return None


def _told(view: FeatureView, sensitivity: Sensitivity) -> dict[str, Any]:
    entities: Iterable[Entity] = view.entity  # type: ignore[assignment]  # a tuple after __post_init__
    return {
        "entities": [[one.name, list(one.keys), one.description] for one in entities],
        "timestamp": view.timestamp,
        "created": view.created,
        "ttl": view.ttl,
        "every": view.every,
        "description": view.description,
        "owners": list(view.owners),
        "tags": dict(view.tags),
        "version": view.version,
        "sensitive": sorted(sensitivity.of_asset(view.key)),
        "windows": [{one.name: getattr(window, one.name) for one in fields(window)} for window in view.windowed],
    }


def _view(
    name: str, source: Published, manifest: Manifest, told: Mapping[str, Any], entity: Entity | Iterable[Entity] | None
) -> FeatureView:
    theirs = [Entity(title, keys=keys, description=text) for title, keys, text in told["entities"]]
    mine = theirs if entity is None else [entity] if isinstance(entity, Entity) else list(entity)
    apart = {*(key for one in theirs for key in one.keys), told["timestamp"], told["created"]}
    windows = {one["name"]: _aggregate(one) for one in told["windows"]}
    return FeatureView(
        name,
        entity=mine,
        source=source,
        features=windows or [column for column, _ in manifest.columns if column not in apart],
        timestamp=told["timestamp"],
        created=told["created"],
        ttl=told["ttl"],
        every=told["every"],
        description=told["description"],
        owners=told["owners"],
        tags=told["tags"],
        sensitive=told["sensitive"],
    )


def _aggregate(window: Mapping[str, Any]) -> Aggregate:
    parameter = window.get("parameter")
    options = {} if parameter is None else {PARAMETERS[window["function"]]: parameter}
    return Aggregate(window["function"], window["column"], over=window["window"], where=window["where"], **options)


def _source(name: str, manifest: Manifest, told: Mapping[str, Any], shared: Mapping[str, str]) -> Published:
    events = bool(told.get("windows"))
    return Published(
        name,
        path=f"{shared['asset']}.parquet",
        timestamp=told.get("timestamp") or manifest.parts.get("timestamp"),
        created=told.get("created") or manifest.parts.get("created"),
        allow_empty=True,
        events=events,
        sensitive=[] if events else [one for one in told.get("sensitive", []) if one in dict(manifest.columns)],
        description=told.get("description", ""),
        project=shared["project"],
        asset=shared["asset"],
        environment=shared["environment"],
        store=shared["store"],
    )


def _store_of(where: str, place: Path, environment: str | None) -> tuple[Path, str]:
    if not (place / "pyproject.toml").is_file():
        raise DeclarationError(where, f"{place.resolve()} is no Headrace project.", fix="Give its folder.")
    settings = read_settings(place)
    return (place / settings.store).resolve(), environment or settings.environment


def _current(where: str, store: Path, key: str, environment: str) -> Manifest:
    refs = Store(store).refs(environment).current()
    if key not in refs:
        raise UnknownName(f"{where} in environment {environment!r}", "published asset", key, refs)
    try:
        return Store(store).load(key, refs[key])
    except CorruptObject as error:
        raise DeclarationError(where, str(error), fix="Build it there again.") from error


def _published(store: Path, environment: str) -> dict[str, Any]:
    try:
        found = json.loads(_path(store, environment).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # written anew by the next build
    return dict(found["views"]) if isinstance(found, dict) and found.get("format") == FORMAT else {}


def _path(store: Path, environment: str) -> Path:
    return store / "views" / f"{environment}.json"


def _caller_root() -> Path:
    """The project of the module that calls `published`, so that relative paths do not hang on the working directory."""
    file = sys._getframe(2).f_globals.get("__file__")
    try:
        return find_root(Path(file).parent if file else Path.cwd())
    except ProjectError:
        return Path.cwd()


def _as_name(folder: str) -> str:
    words = "".join(one if one.isascii() and one.isalnum() else " " for one in folder.lower()).split()
    return "_".join(words) if words and words[0][0].isalpha() else "_".join(["project", *words])
