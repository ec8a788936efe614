"""Pushing rows to a view: durable before it returns, online at once, and part of the next build."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.source import Source
from headrace.engine.online_changes import pushed_changes
from headrace.engine.pushed_rows import declared_types, typed_rows
from headrace.engine.session import connect, parquet, write_parquet
from headrace.engine.validation import validate
from headrace.errors import DeclarationError, HeadraceError, OnlineError, UnknownName
from headrace.lineage.graph import declarations_in
from headrace.serving.declared import assets_package
from headrace.settings import read_settings
from headrace.store.online.open import online_lock, open_online
from headrace.store.pushed import PushLog
from headrace.store.store import Store

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        rows: how many were pushed.
        number: of the push, counted for its source from 1.
        online: the views whose online values have them now; others get them from the next build.
    """

    rows: int
    number: int
    online: tuple[str, ...]


def push(root: Path, view: FeatureView | Source | str, rows: Any, environment: str | None = None) -> Pushed:
    """Push rows to the source of a view.

    Args:
        root: the project's folder.
        view: a view over a source with `push=True`, its name, or the source itself.
        rows: with the columns of the source, all of them: dicts, or a polars, pandas or Arrow table.
        environment: whose online store gets them at once, by default the project's; other environments get them when
            they are built.

    Raises DeclarationError where nothing can be pushed to, and ValidationError for rows that do not fit the source;
    then nothing is pushed. Raises OnlineError when the rows are stored but the online store could not take them.
    """
    settings = read_settings(root)
    environment = environment or settings.environment
    source = _source_of(view if isinstance(view, Declaration) else _declared(root, settings.assets, view))
    store = Store(root / settings.store)
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        draft = Path(folder) / "rows.parquet"
        count = _write(source, rows, _types(source, store, environment), draft, connection)
        with online_lock(store.root, environment):
            number = PushLog(store.root, source.name).append(lambda path: _copy(draft, path))
            try:
                online = _apply(store, source, environment, connection, parquet(draft), number, root)
            except HeadraceError as error:
                problem = f"the rows are stored as push {number}, but are not online yet: {error}"
                raise OnlineError(source.name, problem, "Run `headrace build`; do not push them again.") from error
    return Pushed(count, number, online)


def _copy(draft: Path, path: Path) -> None:
    shutil.copyfile(draft, path)


def _source_of(declaration: Declaration) -> Source:
    source = declaration.source if isinstance(declaration, FeatureView) else declaration
    if not isinstance(source, Source):
        fix = "Push to a view whose source= is a Source with push=True, or to that Source."
        raise DeclarationError(
            declaration.where, "is computed from other tables, so no row can be pushed to it.", fix=fix
        )
    if not source.push:
        fix = f"Say push=True in Source({source.name!r}), and build."
        raise DeclarationError(source.where, "takes no pushes.", fix=fix)
    return source


def _declared(root: Path, package: str, name: str) -> Declaration:
    """The view or source of that name among the project's declarations."""
    found = declarations_in(assets_package(root, package))
    known = {one.name: one for one in found if isinstance(one, FeatureView | Source)}
    if name not in known:
        raise UnknownName("push", "view", name, known)
    return known[name]


def _types(source: Source, store: Store, environment: str) -> Mapping[str, str]:
    """The types that its rows have: as declared, or as they came out when it was built."""
    declared = declared_types(source)
    if declared is not None:
        return declared
    return {name: kind for name, kind in store.current(source.key, environment).columns}  # noqa: C416  pairs are lists


def _write(
    source: Source, rows: Any, types: Mapping[str, str], draft: Path, connection: duckdb.DuckDBPyConnection
) -> int:
    count = typed_rows(source, rows, types, connection, "pushed")
    write_parquet(connection, "from pushed", draft)
    validate(source, draft, connection)
    return count


def _apply(
    store: Store,
    source: Source,
    environment: str,
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    number: int,
    root: Path,
) -> tuple[str, ...]:
    """Merge a push into every view that follows from its source alone, as far as it was filled."""
    online = open_online(store.root, environment, read_settings(root))
    try:
        names = []
        for view, details in _followers(store, source, environment):
            schema = online.describe(view)
            if schema is not None:
                online.apply(view, schema, pushed_changes(connection, details, rows, number), None)
                names.append(view)
        return tuple(names)
    finally:
        online.close()


def _followers(store: Store, source: Source, environment: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, version in sorted(store.refs(environment).current().items()):
        if key.startswith("online/"):
            details = store.load(key, version).details["online"].get("push")
            if details is not None and details["source"] == source.name:
                yield key.removeprefix("online/"), details
