"""What Dagster shows of a version: where it comes from, what is in it, and why it was made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from headrace.builder.changes import stored
from headrace.builder.lineages import lineage_of
from headrace.builder.outcome import Outcome
from headrace.builder.project import Project
from headrace.builder.sensitivity import Sensitivity
from headrace.declarations.base import Declaration, table_name
from headrace.declarations.index import Index
from headrace.declarations.online import OnlineView
from headrace.declarations.transform import Transform
from headrace.engine.online import IDENTITY, WHERE
from headrace.engine.session import MAIN_TABLE
from headrace.lineage.column_lineage import EVERY, Lineage
from headrace.lineage.reads import SCHEMA, column_names
from headrace.orchestration.catalogue import catalogue_metadata
from headrace.orchestration.checks import say_check
from headrace.orchestration.nouns import noun_metadata
from headrace.orchestration.online import freshness
from headrace.orchestration.preview import column_ranges, first_rows, pictures, preview
from headrace.orchestration.tables import present, size, table
from headrace.store.manifest import Manifest

STATE = "headrace/state"
_MOST_COLUMNS = 200
_MOST_ORIGINS = 300
_MOST_REASONS = 10
_LONGEST_LIST = 300


def metadata_of(project: Project, declaration: Declaration, outcome: Outcome, *, look: bool = False) -> dict[str, Any]:
    """Everything that a person wants to see of an asset's current version. Reads its manifest and a few rows.

    Args:
        look: whether statistics that are not known yet may be made: in a run, where nobody waits for them.
    """
    manifest = outcome.manifest
    path = project.store.folder(manifest.asset, manifest.version) / MAIN_TABLE
    lineage = lineage_of(project, manifest)
    hidden = Sensitivity(project).of(manifest)
    columns = {key: _columns(project, key, one["version"]) for key, one in manifest.inputs.items()}
    project.statements.save()
    return present(
        {
            **_origin(outcome),
            "dagster/row_count": manifest.rows,
            "dagster/table_name": table_name(manifest.asset),
            "dagster/uri": path.as_uri(),
            "dagster/column_schema": _schema(declaration, manifest),
            "dagster/column_lineage": _column_lineage(lineage, columns),
            **freshness(project, declaration),
            **noun_metadata(declaration, manifest, path),
            **({} if isinstance(declaration, Transform) else _look(declaration, manifest, path, hidden)),
            "sensitive columns": _sensitive(hidden),
            **catalogue_metadata(project, declaration, manifest, hidden, look=look),
            "column lineage": _lineage_table(lineage, [name for name, _ in manifest.columns]),
            "inputs": _inputs_table(manifest),
        }
    )


def _look(declaration: Declaration, manifest: Manifest, path: Path, hidden: Collection[str]) -> dict[str, Any]:
    """Some rows, pictures, and the range of each column (not of nested ones, whose parts are stored apart)."""
    frame = first_rows(path)
    frame = frame.drop([name for name in frame.columns if name in hidden or _purpose(declaration, name)])
    ranges = {name: one for name, one in column_ranges(path).items() if name not in hidden}
    names = [(name, kind) for name, kind in manifest.columns if name in ranges and not _purpose(declaration, name)]
    columns = ({"column": name, "type": kind, **ranges[name]} for name, kind in names)
    return {"preview": preview(frame), **pictures(frame), "columns": table(columns)}


def _sensitive(hidden: Mapping[str, Sequence[str]]) -> dg.MetadataValue | None:
    """The columns that are not shown, and which columns make them sensitive."""
    return table({"column": name, "comes from": ", ".join(origins)} for name, origins in hidden.items())


def _origin(outcome: Outcome) -> dict[str, Any]:
    manifest = outcome.manifest
    reasons = [reason.detail for reason in outcome.reasons]
    told = [one["detail"] for one in manifest.details.get("reasons", ())]
    return {
        STATE: outcome.state,
        "reasons": _joined(reasons) or "nothing changed since it was built",
        "built because": _joined(told) if told != reasons else None,
        "version": manifest.version,
        "previous version": outcome.previous if outcome.previous != manifest.version else None,
        "seconds to compute": float(manifest.seconds),
        "size": size(sum(int(facts["bytes"]) for facts in manifest.files.values())),
        "built at": manifest.created_at.replace("T", " ").partition(".")[0] + " UTC",
    }


def _joined(reasons: Sequence[str]) -> str | None:
    more = len(reasons) - _MOST_REASONS
    return "; ".join([*reasons[:_MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]) or None


def _columns(project: Project, asset: str, version: str) -> list[str]:
    manifest = stored(project, asset, version)
    return [name for name, _ in manifest.columns] if manifest else []


def _schema(declaration: Declaration, manifest: Manifest) -> dg.TableSchema:
    rules: Mapping[str, Any] = (getattr(declaration, "rules", None) or {}).get("columns", {})
    columns = [
        dg.TableColumn(name, kind, description=_role(declaration, name), constraints=_constraints(rules.get(name)))
        for name, kind in manifest.columns
    ]
    return dg.TableSchema(columns=columns)


def _constraints(rules: Mapping[str, Any] | None) -> dg.TableColumnConstraints | None:
    if rules is None:
        return None
    others = [say_check(check) for check in rules["checks"]]
    return dg.TableColumnConstraints(nullable=rules["nullable"], unique=rules["unique"], other=others)


def _role(declaration: Declaration, column: str) -> str | None:
    """What a column is for, where the declaration says so; of what is kept beside a view, the view's."""
    saying = declaration.view if isinstance(declaration, OnlineView | Index) else declaration
    roles = {
        "key": getattr(saying, "keys", ()),
        "event time": (getattr(saying, "timestamp", None),),
        "known since": (getattr(saying, "created", None),),
        "label": getattr(saying, "labels", ()),
    }
    return ", ".join(role for role, names in roles.items() if column in names) or _purpose(declaration, column)


def _purpose(declaration: Declaration, column: str) -> str | None:
    """What a column of an online view is there for that nobody asked for; None for any other."""
    if not isinstance(declaration, OnlineView):
        return None
    if column.startswith(WHERE):
        return "whether this event counts where a feature says `where`"
    return "which event this is, so that a pushed correction replaces it" if column == IDENTITY else None


def _column_lineage(lineage: Lineage, columns: Mapping[str, Sequence[str]]) -> dg.TableColumnLineage | None:
    """Dagster's form of it, which names columns one by one and tells only of values.

    A column that is made of no other one's values, such as a count, has those that decide its rows.

    Args:
        columns: those of each input.
    """
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for column in list(lineage.values)[:_MOST_COLUMNS]:
        pairs = [origin.partition(".") for origin in lineage.values[column] or lineage.rows.get(column, [])]
        named = [(key, one) for key, _, name in pairs for one in (columns.get(key, ()) if name == EVERY else [name])]
        deps[column] = [dg.TableColumnDep(dg.AssetKey(key.split("/")), name) for key, name in named if name]
    known = {column: found for column, found in deps.items() if found and len(found) <= _MOST_COLUMNS}
    return dg.TableColumnLineage(known) if known else None


def _lineage_table(lineage: Lineage, columns: Sequence[str]) -> dg.MetadataValue | None:
    """A row for each column and input."""
    known = {**lineage.values, **lineage.rows}
    names = [name for name in dict.fromkeys((*columns, *known)) if name in known][:_MOST_COLUMNS]
    return table(
        (row for name in names for row in _lineage_rows(name, lineage)), most=_MOST_ORIGINS, longest=_LONGEST_LIST
    )


def _lineage_rows(column: str, lineage: Lineage) -> Iterator[dict[str, str]]:
    values, rows = (_by_input(part.get(column, ())) for part in (lineage.values, lineage.rows))
    for key in dict.fromkeys((*values, *rows)) or ("none",):
        yield {"column": column, "input": key, "comes from": _said(values, key), "rows decided by": _said(rows, key)}


def _by_input(origins: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for origin in origins:
        key, _, name = origin.partition(".")
        found.setdefault(key, []).append(name)
    return found


def _said(columns: Mapping[str, Sequence[str]], key: str) -> str:
    said = {EVERY: "every column", "": "the number of its rows"}
    return ", ".join(said.get(name, name) for name in columns.get(key, ()))


def _inputs_table(manifest: Manifest) -> dg.MetadataValue | None:
    """The version of each input that it was made of, and the columns that it read."""
    rows = (
        {"input": key, "version": one["version"], "columns read": _reads(one.get("reads"))}
        for key, one in manifest.inputs.items()
    )
    return table(rows, longest=_LONGEST_LIST)


def _reads(reads: Sequence[str] | None) -> str:
    if reads is None:
        return "every column"
    names = ", ".join(column_names(tuple(reads)) or ())
    return f"{names or 'the number of its rows'}{', and the names and types of all' if SCHEMA in reads else ''}"
