"""The entries of the catalogue: features, views, services, entities."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MODELS = ("cascades/",)


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        view: the asset key of its view; `name` its column.
        type: of the current version, or empty before the view is built.
        definition: how it is computed, in a few words.
        consumers: assets and services that read it; `models` those of them that are models.
        sensitive: the columns that make it sensitive; nothing where it is not.
        statistics: see `with_statistics`.
    """

    view: str
    name: str
    type: str
    definition: str
    entities: tuple[str, ...]
    description: str
    owners: tuple[str, ...]
    tags: dict[str, str]
    consumers: tuple[str, ...]
    sensitive: tuple[str, ...] = ()
    statistics: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.view}.{self.name}"

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(one for one in self.consumers if one.startswith(MODELS))


@dataclass(frozen=True)
class View:
    """One feature view.

    Attributes:
        version, rows, built_at: of the current version; None and empty before it is built.
        newest: the latest event time in it, as ISO 8601; None without one, or before statistics were asked for.
        contract: the version that it promises to keep; None without one.
    """

    key: str
    entities: tuple[str, ...]
    keys: tuple[str, ...]
    timestamp: str | None
    ttl: str | None
    description: str
    owners: tuple[str, ...]
    tags: dict[str, str]
    online: bool
    version: str | None
    rows: int | None
    built_at: str
    contract: int | None
    features: tuple[Feature, ...]
    newest: str | None = None


@dataclass(frozen=True)
class Service:
    """One feature service, and the columns that it hands out; none where only data can tell."""

    name: str
    version: int
    description: str
    owners: tuple[str, ...]
    tags: dict[str, str]
    views: tuple[str, ...]
    features: tuple[str, ...]


@dataclass(frozen=True)
class EntityEntry:
    """One entity, and the views that describe it."""

    name: str
    keys: tuple[str, ...]
    description: str
    owners: tuple[str, ...]
    tags: dict[str, str]
    views: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """Everything of one project and environment, in the order of its graph."""

    project: str
    environment: str
    entities: tuple[EntityEntry, ...]
    views: tuple[View, ...]
    services: tuple[Service, ...]

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(one for view in self.views for one in view.features)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
