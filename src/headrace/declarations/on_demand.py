"""OnDemand: features computed at the moment of asking, from stored features and from what the asker hands in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.declarations.base import Declaration, names
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.request import Request
from headrace.declarations.value_type import sql_type
from headrace.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class OnDemand(Declaration):
    """A function of one polars frame, the same for training sets, the online store and HTTP; see `on_demand`.

    Args:
        function: takes a frame with the inputs' columns and returns it with the features added, or these alone.
        given: views, parts of views, and requests.
        features: names, or `{name: type}`, of what it returns; None where only a run of it can tell.
    """

    function: Callable[..., Any] = field(hash=False)
    given: Sequence[FeatureView | FeatureSelection | Request]
    features: Sequence[str] | Mapping[str, Any] | None = None

    noun = "OnDemand"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        single = isinstance(self.given, FeatureView | FeatureSelection | Request)
        self._set(given=(self.given,) if single else tuple(self.given))
        if not self.given:
            fix = 'Give views, or what the asker hands in: hr.Request("basket_value", float).'
            raise DeclarationError(self.where, "has no inputs.", fix=fix)
        for one in self.given:
            if not isinstance(one, FeatureView | FeatureSelection | Request):
                fix = "Give feature views, parts of them, or hr.Request(name, type)."
                named = one.where if isinstance(one, Declaration) else repr(one)
                raise DeclarationError(self.where, f"{named} cannot be an input.", fix=fix)
        self._check_function()
        self._check_names()

    def _check_function(self) -> None:
        if not callable(self.function):
            fix = "Decorate a function with @hr.on_demand(inputs=[...])."
            raise DeclarationError(self.where, f"{self.function!r} is no function.", fix=fix)
        found = inspect.signature(self.function).parameters.values()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        needed = [one for one in found if one.default is one.empty and one.kind in kinds]
        if len(needed) != 1:
            fix = "Write `def ratio(df: pl.DataFrame) -> pl.DataFrame`."
            raise DeclarationError(self.where, f"takes {len(needed)} parameters, not one frame.", fix=fix)

    def _check_names(self) -> None:
        if self.features is not None:
            types = self.features if isinstance(self.features, Mapping) else {}
            found = names(self.where, "features", self.features)
            kinds = tuple((name, sql_type(self.where, types[name]) if name in types else None) for name in found)
            self._set(features=kinds)
        seen: dict[str, str] = {}
        inputs = [(name, one.view.key) for one in self.selections for name, _ in one.features() or ()]
        inputs += [(one.name, one.where) for one in self.requests]
        for name, origin in (*inputs, *((name, "its own features") for name in self.feature_names() or ())):
            if name in seen:
                fix = "Rename one: view.renamed({'a': 'b'}) or view.on({}, prefix='x_')."
                raise DeclarationError(self.where, f"{name!r} comes from {seen[name]} and {origin}.", fix=fix)
            seen[name] = origin

    @property
    def selections(self) -> tuple[FeatureSelection, ...]:
        """The stored features it takes."""
        found = (FeatureSelection(one) if isinstance(one, FeatureView) else one for one in self.given)
        return tuple(one for one in found if isinstance(one, FeatureSelection))

    @property
    def requests(self) -> tuple[Request, ...]:
        """The values it takes from the asker."""
        return tuple(one for one in self.given if isinstance(one, Request))

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return tuple(dict.fromkeys(one.view for one in self.selections))

    @property
    def types(self) -> dict[str, str]:
        """The declared SQL types of its features."""
        pairs: Any = self.features or ()
        return {name: kind for name, kind in pairs if kind is not None}

    def feature_names(self) -> tuple[str, ...] | None:
        """Its features in order, or None while only a run can tell."""
        pairs: Any = self.features
        return None if pairs is None else tuple(name for name, _ in pairs)

    def data(self) -> dict[str, Any]:
        return {
            "inputs": [one.data() for one in self.selections],
            "request": [one.data() for one in self.requests],
            "features": None if self.features is None else [list(pair) for pair in self.features],
        }


def on_demand(
    *,
    inputs: Sequence[FeatureView | FeatureSelection | Request] | FeatureView | FeatureSelection | Request,
    features: Sequence[str] | Mapping[str, Any] | None = None,
    name: str | None = None,
    owners: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], OnDemand]:
    """Make on-demand features of a function from a polars frame to a polars frame.

    The frame has a column for each feature of `inputs` and each request, and one row for each row that asks. What the
    function adds are its features. Each row must be computed from itself alone: rows come in batches of any size, one
    at a time when serving, and a build fails where that makes a difference.

    Args:
        features: names, or `{name: type}`, of what it returns; with types, these are what it is cast to. Without, a
            run on an empty frame tells.

    >>> @on_demand(inputs=[Request("price", float), Request("count", int)], features={"total": float})
    ... def total(df):
    ...     return df.with_columns(total=df["price"] * df["count"])
    >>> total.feature_names(), [one.name for one in total.requests]
    (('total',), ['price', 'count'])
    >>> on_demand(inputs=[Request("price", float)])(lambda one, other: one)
    Traceback (most recent call last):
    headrace.errors.DeclarationError: OnDemand('<lambda>'): cannot be used as a name. ...
    """

    def declare(function: Callable[..., Any]) -> OnDemand:
        return OnDemand(
            name or str(getattr(function, "__name__", "")),
            function=function,
            given=inputs,  # type: ignore[arg-type]  # one stands for itself
            features=features,
            description=inspect.getdoc(function) or "",
            owners=owners,
            tags=tags or {},
        )

    return declare
