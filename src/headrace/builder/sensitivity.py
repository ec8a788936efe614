"""Which columns are sensitive: those declared so, and every column whose values are made of one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from headrace.builder.lineages import lineage_of
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.errors import CorruptObject, HeadraceError, StoreError, ValidationError
from headrace.lineage.column_lineage import EVERY
from headrace.store.atomic import write_atomically
from headrace.store.manifest import Manifest

Origins = dict[str, tuple[str, ...]]
"""For each sensitive column, the columns declared sensitive that it comes from, as `sources/customers.email`."""

HIDDEN = "(sensitive)"
# Where DuckDB quotes a value that it could not convert, and the line of a CSV file that it stands in.
_QUOTED = (
    re.compile(r"(Original Line: ).*?(?= Error when|\n|$)", re.DOTALL),
    re.compile(r"(Could not convert string )(?:'.*?'|\".*?\")(?= to )", re.DOTALL),
    re.compile(r"(with value )\S+"),
    re.compile(r"((?:field value out of range|format|timestamp|date): )\".*?\"", re.DOTALL),
)


class Sensitivity:
    """The sensitive columns of stored versions.

    Sensitivity follows values, through the column lineage of each version and of those that it was made from; a
    column that only decides which rows there are passes nothing on. What `allow_sensitive` of
    [tool.headrace.governance] names is not sensitive, and passes nothing on either.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._allowed = project.settings.governance.allow_sensitive
        self._known: dict[tuple[str, str], Origins] = {}
        self._columns = declared_sensitive(project) if project.graph.nodes else _recorded(project)
        self._is_idle = not self._columns  # a project that declares nothing sensitive does not pay for looking

    def of(self, manifest: Manifest) -> Origins:
        """The sensitive columns of a version, blocks of a matrix included."""
        if self._is_idle:
            return {}
        name = (manifest.asset, manifest.version)
        if name not in self._known:
            self._known[name] = self._find(manifest)
        return self._known[name]

    def of_asset(self, asset: str) -> Origins:
        """The same of an asset's current version; before it is built, what its declaration says."""
        version = self._project.store.refs(self._project.environment).current().get(asset)
        try:
            if version is not None and not self._is_idle:
                return self.of(self._project.store.load(asset, version))
        except CorruptObject:
            pass  # the plan tells of it; what was declared is known all the same
        return self._declared(asset)

    def may_hold(self, declaration: Declaration) -> Callable[[str], bool]:
        """Whether a column of something that was not published, so that its lineage is not known, may be sensitive."""
        known = self.of_asset(declaration.key)
        is_built = declaration.key in self._project.store.refs(self._project.environment).current()
        if is_built or not any(self.of_asset(one.key) for one in declaration.inputs):
            return lambda column: column in known
        return lambda column: not self.is_allowed(declaration.key, column)

    def masked(self, declaration: Declaration, error: HeadraceError) -> HeadraceError:
        """The same failure without the values of sensitive columns; itself where it shows none."""
        if isinstance(error, ValidationError):
            return self._without_examples(declaration, error)
        seen = (declaration, *declaration.inputs)
        text = str(error)
        for pattern in _QUOTED if any(self.of_asset(one.key) for one in seen) else ():
            text = pattern.sub(rf"\1{HIDDEN}", text)
        if text != str(error):
            error.args = (text,)
            error.__cause__ = None  # which has them too
        return error

    def _without_examples(self, declaration: Declaration, error: ValidationError) -> ValidationError:
        is_hidden = self.may_hold(declaration)
        failures = [
            {**one, "examples": [HIDDEN]} if one.get("examples") and _any_column(one["column"], is_hidden) else one
            for one in error.failures
        ]
        return error if failures == error.failures else ValidationError(error.asset, failures, error.fix)

    def is_allowed(self, asset: str, column: str) -> bool:
        """Whether the project says that this column may be shown and served."""
        return any(fnmatchcase(f"{asset}.{column}", pattern) for pattern in self._allowed)

    def _declared(self, asset: str) -> Origins:
        names = self._columns.get(asset, ())
        return {name: (f"{asset}.{name}",) for name in names if not self.is_allowed(asset, name)}

    def _find(self, manifest: Manifest) -> Origins:
        found = {column: dict.fromkeys(origins) for column, origins in self._declared(manifest.asset).items()}
        upstream = {key: self._of_input(key, str(one["version"])) for key, one in manifest.inputs.items()}
        if any(upstream.values()):
            for column, origins in lineage_of(self._project, manifest).values.items():
                inherited = dict.fromkeys(_inherited(origins, upstream))
                if inherited and not self.is_allowed(manifest.asset, column):
                    found[column] = found.get(column, {}) | inherited
        return {column: tuple(origins) for column, origins in found.items()}

    def _of_input(self, asset: str, version: str) -> Origins:
        try:
            return self.of(self._project.store.load(asset, version))
        except CorruptObject:  # deleted since
            return self.of_asset(asset)


def declared_sensitive(project: Project) -> dict[str, list[str]]:
    """The columns that declarations call sensitive, by asset key."""
    found = {key: list(getattr(one, "sensitive", ())) for key, one in sorted(project.graph.nodes.items())}
    return {key: names for key, names in found.items() if names}


def record_sensitive(project: Project) -> None:
    """Write down what is sensitive, for commands that read versions without importing the declarations."""
    declared = declared_sensitive(project)
    if declared != _recorded(project):
        project.store_folder.mkdir(parents=True, exist_ok=True)
        write_atomically(_record(project), json.dumps(declared, indent=1))


def _recorded(project: Project) -> dict[str, list[str]]:
    path = _record(project)
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StoreError(f"{path} cannot be read: {error}. Delete it; the next build writes it again.") from error


def _record(project: Project) -> Path:
    return project.store_folder / "sensitive.json"


def _any_column(named: object, is_hidden: Callable[[str], bool]) -> bool:
    """Whether one of the columns that a failure names, such as `a, b`, is sensitive."""
    return any(is_hidden(name) for name in (str(named), *str(named).split(", ")))


def mask(rows: Iterable[Sequence[Any]], names: Sequence[str], hidden: Collection[str]) -> list[tuple[Any, ...]]:
    """Rows with what stands in sensitive columns replaced, nulls apart."""
    flags = [name in hidden for name in names]
    return [
        tuple(HIDDEN if flag and value is not None else value for flag, value in zip(flags, row, strict=True))
        for row in rows
    ]


def _inherited(origins: Iterable[str], upstream: Mapping[str, Origins]) -> Iterable[str]:
    for origin in origins:
        key, _, column = origin.partition(".")
        known = upstream.get(key, {})
        for name in known if column == EVERY else [column] if column in known else []:
            yield from known[name]
