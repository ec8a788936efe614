"""What every declaration is: a frozen value with a name, a key in the asset graph, and inputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

from headrace.declarations.refresh import Refresh, parse_refresh
from headrace.errors import DeclarationError, UnknownName

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def check_name(where: str, name: object) -> None:
    """Refuse what cannot be the name of a folder, a SQL table and a Dagster asset alike."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        fix = "Use lower-case letters, digits and single underscores, starting with a letter."
        raise DeclarationError(where, "cannot be used as a name.", fix=fix)


def names(where: str, what: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """`given` as a tuple of distinct names; one string stands for itself."""
    if not isinstance(given, Iterable):
        raise DeclarationError(where, f"{what} must be column names, got {given!r}.")
    found = (given,) if isinstance(given, str) else tuple(given)
    for name in found:
        if not isinstance(name, str) or not name:
            raise DeclarationError(where, f"{what} must be column names, got {name!r}.")
    repeated = sorted({name for name in found if found.count(name) > 1})
    if repeated:
        raise DeclarationError(where, f"{what} repeats {', '.join(repeated)}.", fix="Name each once.")
    return found


def require_known(where: str, kind: str, given: Iterable[str], known: Sequence[str] | None) -> None:
    """Refuse names that are not among `known`; None means that they cannot be known before data is read."""
    if known is None:
        return
    for name in given:
        if name not in known:
            raise UnknownName(where, kind, name, known)


@dataclass(frozen=True)
class Declaration:
    """A named, frozen value. `description`, `owners` and `tags` describe; every other field but one decides data.

    `refresh` decides when it is rebuilt by itself: on change, at fixed times, or, by default, not at all.

    Subclasses say their `kind` (the first part of the asset key) and `inputs` (the declarations they read).
    """

    name: str
    _: KW_ONLY
    description: str = field(default="", compare=False)
    owners: Sequence[str] = field(default=(), compare=False)
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    refresh: Refresh | str | None = field(default=None, compare=False)

    kind: ClassVar[str] = ""
    noun: ClassVar[str] = "Declaration"

    def __post_init__(self) -> None:
        check_name(self.where, self.name)
        self._set(owners=names(self.where, "owners", self.owners), tags=dict(self.tags))
        self._set(refresh=parse_refresh(self.where, self.refresh))
        if self.refresh is not None and not self.kind:
            raise DeclarationError(self.where, "has no data to refresh.", fix="Say refresh= where data is made.")
        for owner in self.owners:
            if "@" not in owner and not owner.startswith("team:"):
                raise DeclarationError(self.where, f"owner {owner!r} is neither an e-mail address nor 'team:NAME'.")

    def _set(self, **values: Any) -> None:
        """Set normalised field values while the value is being made."""
        for key, value in values.items():
            object.__setattr__(self, key, value)

    def __hash__(self) -> int:
        # By name, in each subclass: the generated hash would walk everything upstream, again for every path to it.
        return hash((type(self), self.name))

    @property
    def where(self) -> str:
        """How messages name this declaration."""
        return f"{self.noun}({self.name!r})"

    @property
    def key(self) -> str:
        """The asset key, as in `features/customer_activity`."""
        return f"{self.kind}/{self.name}"

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        """The declarations whose data this one reads, without repeats."""
        return ()

    def columns(self) -> tuple[str, ...] | None:
        """Its table's column names, or None while only the data can tell."""
        return None

    def data(self) -> dict[str, Any]:
        """The fields that decide its data, as JSON values; other declarations by key."""
        return {}


def table_name(key: str) -> str:
    """The SQL name of an asset's current table: `features/activity` is `features.activity`.

    >>> table_name("cascades/recommend/age_band")
    'cascades.recommend__age_band'
    """
    schema, *rest = key.split("/")
    return f"{schema}.{'__'.join(rest)}"
