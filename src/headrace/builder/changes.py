"""What made one version differ from another, by function, file and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.lineage.fingerprint import name_changes
from headrace.lineage.plan import Reason, named
from headrace.lineage.reads import SCHEMA
from headrace.store.manifest import Manifest

if TYPE_CHECKING:
    from headrace.builder.project import Project


def reasons_json(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    """Reasons as a manifest keeps them, and as programs read them."""
    return [{"kind": reason.kind, "detail": reason.detail} for reason in reasons]


def changes_between(project: Project, before: Manifest, now: Manifest) -> list[Reason]:
    """Why `now` is another version than `before`; nothing where the same code made it of the same inputs."""
    found = [Reason(kind, detail) for kind, detail in name_changes(before.parts, now.parts)]
    for key in sorted({*before.inputs, *now.inputs}):
        detail = _input_change(project, key, before.inputs.get(key), now.inputs.get(key))
        found += [Reason("input_changed", detail)] if detail else []
    return found


def _input_change(
    project: Project, key: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> str | None:
    if before is None:
        return f"{key} is a new input"
    if now is None:
        return f"{key} is no longer an input"
    if before["version"] == now["version"] or (before["digest"], before.get("reads")) == (
        now["digest"],
        now.get("reads"),
    ):
        return None
    old, new = (stored(project, key, one["version"]) for one in (before, now))
    if old is None or new is None:
        return f"{key} changed"
    if old.rows != new.rows:
        return f"{key} has {new.rows:,} rows instead of {old.rows:,}"
    columns = changed_columns(old, new, now.get("reads"))
    if not columns and before.get("reads") != now.get("reads"):
        return f"other columns of {key} are read"
    return f"{named(key, columns)} changed"


def changed_columns(before: Manifest, now: Manifest, reads: Sequence[str] | None) -> list[str]:
    """The columns that a reader of `reads` (None for all) sees as new, gone, or of another type or content."""
    old, new = (dict(one.columns) for one in (before, now))
    names = dict.fromkeys((*new, *old))
    if reads is not None:
        seen = names if SCHEMA in reads else reads
        other = {name for name in seen if old.get(name) != new.get(name)}
        names = dict.fromkeys(name for name in names if name in reads or name in other)
    comparable = before.hash_probe == now.hash_probe
    values = (before.column_digests, now.column_digests)
    return [
        name
        for name in names
        if old.get(name) != new.get(name) or (comparable and values[0].get(name) != values[1].get(name))
    ]


def stored(project: Project, asset: str, version: str | None) -> Manifest | None:
    """A version by its name; None when it is gone, or as good as that."""
    from headrace.errors import CorruptObject

    try:
        return None if version is None else project.store.load(asset, version)
    except CorruptObject:
        return None
