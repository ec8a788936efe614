"""FeatureList: what is asked for, in order: parts of views, and on-demand features with what these need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.on_demand import OnDemand
from headrace.declarations.request import Request
from headrace.errors import DeclarationError


@dataclass(frozen=True)
class FeatureList:
    """Features in the order of their columns; a training set, a service and a question to the store have one each."""

    items: tuple[FeatureSelection | OnDemand, ...] = ()

    @property
    def selections(self) -> tuple[FeatureSelection, ...]:
        """The stored features that are asked for themselves."""
        return tuple(one for one in self.items if isinstance(one, FeatureSelection))

    @property
    def on_demand(self) -> tuple[OnDemand, ...]:
        """The features that are computed on demand."""
        return tuple(one for one in self.items if isinstance(one, OnDemand))

    @property
    def hidden(self) -> tuple[FeatureSelection, ...]:
        """What only on-demand features take: read, and not handed out."""
        taken = (selection for one in self.on_demand for selection in one.selections)
        return tuple(dict.fromkeys(one for one in taken if one not in self.selections))

    @property
    def reads(self) -> tuple[FeatureSelection, ...]:
        """Everything that is read: what is asked for, then what is hidden."""
        return (*self.selections, *self.hidden)

    @property
    def views(self) -> tuple[FeatureView, ...]:
        return tuple(dict.fromkeys(one.view for one in self.reads))

    @property
    def requests(self) -> tuple[Request, ...]:
        """The values that the asker hands in, each once."""
        return tuple(dict.fromkeys(request for one in self.on_demand for request in one.requests))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the asking rows that say which entities are meant."""
        return tuple(dict.fromkeys(column for one in self.reads for column, _ in one.keys))

    def names(self) -> tuple[str, ...] | None:
        """The columns in order, or None while only data can tell."""
        found: list[str] = []
        for one in self.items:
            features = _names_of(one)
            if features is None:
                return None
            found += features
        return tuple(found)

    def check(self, where: str, taken: Mapping[str, str]) -> None:
        """Refuse two columns of one name, `taken` ones included, and one request with two types.

        Names that differ in case alone are one to SQL, which would rename the second.
        """
        seen = {name.lower(): origin for name, origin in taken.items()}
        for one in self.items:
            origin = one.view.key if isinstance(one, FeatureSelection) else one.where
            for name in _names_of(one) or ():
                same = name.lower()
                if same in seen:
                    fix = "Give one a prefix: view.on({}, prefix='x_'), rename it: view.renamed({'a': 'b'})"
                    fix += ", or ask for full names: full_names=True."
                    raise DeclarationError(where, f"{name!r} comes from {seen[same]} and {origin}.", fix=fix)
                seen[same] = origin
        types: dict[str, str] = {}
        for request in self.requests:
            if types.setdefault(request.name, request.type) != request.type:
                problem = f"request {request.name!r} is {types[request.name]} and {request.type}."
                raise DeclarationError(where, problem, fix="Give it one type, or two names.")


def _names_of(one: FeatureSelection | OnDemand) -> tuple[str, ...] | None:
    if isinstance(one, OnDemand):
        return one.feature_names()
    features = one.features()
    return None if features is None else tuple(name for name, _ in features)
