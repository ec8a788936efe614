"""OnlineView: the asset that keeps a view's current values where serving reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.errors import DeclarationError


@dataclass(frozen=True)
class OnlineView(Declaration):
    """What a view with `online=True` adds to a project: `online/<view>`.

    Its version is a snapshot: the latest row of each entity, or, of a view of windows, the events that are still in
    one. Once that is current, the online store is brought to it by the difference to what it holds.

    >>> OnlineView("v", "v")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: OnlineView('v'): 'v' is no feature view. ...
    """

    view: FeatureView

    kind = "online"
    noun = "OnlineView"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.view, FeatureView):
            raise DeclarationError(self.where, f"{self.view!r} is no feature view.", fix="Give an hr.FeatureView.")

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return (self.view,)

    def data(self) -> dict[str, Any]:
        view = self.view
        windows = [[one.name, *one.definition] for one in view.windowed]
        read = {"keys": list(view.keys), "timestamp": view.timestamp, "created": view.created, "ttl": view.ttl}
        return {"view": view.key, **read, "windows": windows, **({"every": view.every} if view.every else {})}


def online_view(view: FeatureView) -> OnlineView:
    """The asset of a view with `online=True`."""
    description = f"The current values of {view.key}, in the online store."
    refresh = view.refresh
    return OnlineView(view.name, view, description=description, owners=view.owners, tags=view.tags, refresh=refresh)
