"""Index: the asset that makes point-in-time reads of a view fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.errors import DeclarationError


@dataclass(frozen=True)
class Index(Declaration):
    """What a view with `index=True` adds to a project: `indexes/<view>`.

    Its table lists the view's keys with their rows; beside it lie the view's times and values, in the order in which
    they are searched, to be mapped into memory. Training sets and `historical` use it where it is of the view's
    current version; their results are the same without it.

    >>> Index("v", "v")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Index('v'): 'v' is no feature view. ...
    """

    view: FeatureView

    kind = "indexes"
    noun = "Index"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.view, FeatureView):
            raise DeclarationError(self.where, f"{self.view!r} is no feature view.", fix="Give an hr.FeatureView.")

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return (self.view,)

    def columns(self) -> tuple[str, ...]:
        return (*self.view.keys, "first_row", "rows")

    def data(self) -> dict[str, Any]:
        view = self.view
        columns = sorted({one.column for one in view.windowed if one.column is not None})
        conditions = sorted({one.where for one in view.windowed if one.where is not None})
        return {
            "view": view.key,
            "keys": list(view.keys),
            "timestamp": view.timestamp,
            "created": view.created,
            "columns": columns,
            "conditions": conditions,
        }


def view_index(view: FeatureView) -> Index | None:
    """The index of a view with `index=True`."""
    if not view.index:
        return None
    description = f"The rows of {view.key} by key and time, for point-in-time reads."
    refresh = view.refresh
    return Index(view.name, view, description=description, owners=view.owners, tags=view.tags, refresh=refresh)
