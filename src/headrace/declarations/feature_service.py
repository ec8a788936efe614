"""FeatureService: the named, versioned set of features that a model asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.declarations.base import Declaration
from headrace.declarations.feature_list import FeatureList
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.on_demand import OnDemand
from headrace.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class FeatureService(Declaration):
    """What a model asks for, by one name: when it is trained, `TrainingSet(features=service)`, and when it answers.

    Args:
        features: views, parts of views (`view["a"]`, `view.on(...)`, `view.renamed(...)`), on-demand features, other
            services.
        version: raise it when features are dropped or change their meaning. A build keeps the description of each
            version it has published, so a model can go on asking for the one that it learnt from.
        full_names: call each feature `view__feature`, so that equal names of two views stay apart.

    It has no data of its own. A build publishes its description beside the store, which is all that reading needs.

    >>> FeatureService("purchase", features=[])
    Traceback (most recent call last):
    headrace.errors.DeclarationError: FeatureService('purchase'): has no features. ...
    """

    features: Sequence[FeatureView | FeatureSelection | OnDemand | FeatureService] | FeatureView | OnDemand
    version: int = 1
    full_names: bool = False
    listed: FeatureList = field(init=False, compare=False, repr=False)

    noun = "FeatureService"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        given = as_tuple(self.features)
        self._set(features=given, listed=expand(self.where, given, self.full_names))
        if not self.listed.items:
            fix = "Name views, parts of views or on-demand features."
            raise DeclarationError(self.where, "has no features.", fix=fix)
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 1:
            raise DeclarationError(self.where, f"version is {self.version!r}.", fix="Count from 1.")
        self.listed.check(self.where, {})

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return self.listed.views

    def columns(self) -> tuple[str, ...] | None:
        return self.listed.names()


def as_tuple(given: Any) -> tuple[Any, ...]:
    """One feature stands for itself."""
    single = isinstance(given, FeatureView | FeatureSelection | OnDemand | FeatureService)
    return (given,) if single else tuple(given)


def expand(where: str, given: Iterable[Any], full_names: bool = False) -> FeatureList:
    """What `given` asks for, services replaced by what is in them, in order."""
    items: list[FeatureSelection | OnDemand] = []
    for one in as_tuple(given):
        if isinstance(one, FeatureService):
            items += one.listed.items
        elif isinstance(one, OnDemand):
            items.append(one)
        elif isinstance(one, FeatureView | FeatureSelection):
            selection = FeatureSelection(one) if isinstance(one, FeatureView) else one
            items.append(_in_full(selection) if full_names else selection)
        else:
            fix = "Give views or parts of views, as in features=[activity, profile['title']], or a service."
            named = one.where if isinstance(one, Declaration) else repr(one)
            raise DeclarationError(where, f"{named} is no feature view.", fix=fix)
    return FeatureList(tuple(items))


def _in_full(selection: FeatureSelection) -> FeatureSelection:
    return replace(selection, prefix=f"{selection.prefix}{selection.view.name}__")
