"""The schema of each asset as a Dagster check, evaluated before anything is published: it blocks what is downstream."""

from __future__ import annotations

from typing import Any

import dagster as dg

from headrace.declarations.base import Declaration
from headrace.errors import ValidationError
from headrace.orchestration.tables import present, table
from headrace.store.manifest import Manifest

SCHEMA = "schema"


def asset_key(key: str) -> dg.AssetKey:
    """Dagster's key of an asset.

    >>> asset_key("features/customer_activity")
    AssetKey(['features', 'customer_activity'])
    """
    return dg.AssetKey(key.split("/"))


def check_spec(declaration: Declaration) -> dg.AssetCheckSpec:
    """The blocking check of a declaration's table."""
    declared = getattr(declaration, "schema", None) is not None
    origin = "the declared schema" if declared else "what follows from its declaration"
    text = f"Columns, types and rows against {origin}, before a version is published."
    return dg.AssetCheckSpec(SCHEMA, asset=asset_key(declaration.key), description=text, blocking=True)


def passed(declaration: Declaration, manifest: Manifest) -> dg.AssetCheckResult:
    """The check of a published version."""
    facts: dict[str, Any] = manifest.details.get("checks", {}).get(SCHEMA, {})
    return dg.AssetCheckResult(
        passed=True,
        asset_key=asset_key(manifest.asset),
        check_name=SCHEMA,
        description=_summary(facts),
        metadata=present({**facts, "version": manifest.version, "rules by column": _rules(declaration)}),
    )


def _summary(facts: dict[str, Any]) -> str:
    columns = f"{facts.get('columns', 0)} columns are there with their types"
    return f"{columns}; {facts.get('rules', 0)} rule(s) hold for each of {facts.get('rows', 0)} rows."


def failed(declaration: Declaration, error: Exception) -> dg.AssetCheckResult:
    """The check of an asset that could not be made; nothing of it was published."""
    return dg.AssetCheckResult(
        passed=False,
        asset_key=asset_key(declaration.key),
        check_name=SCHEMA,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_broken(error),
        metadata=failure_metadata(error),
    )


def _broken(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{one['column']}: {one['check']} ({one['count']} rows)" for one in error.failures[:3])
    return f"{type(error).__name__}: {error}".splitlines()[0]


def failure_metadata(error: Exception) -> dict[str, Any]:
    """The broken rules as a table, where there are some, and the whole message."""
    broken = None
    if isinstance(error, ValidationError):
        names = ("column", "check", "count", "examples")
        broken = table({name: _say(failure.get(name)) for name in names} for failure in error.failures)
    text = str(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
    return present({"failures": broken, "message": dg.MetadataValue.text(text)})


def _say(value: object) -> object:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else value


def _rules(declaration: Declaration) -> dg.MetadataValue | None:
    columns: dict[str, Any] = (getattr(declaration, "rules", None) or {}).get("columns", {})
    return table({"column": name, "type": rule["dtype"], "rules": _in_words(rule)} for name, rule in columns.items())


def _in_words(rule: dict[str, Any]) -> str:
    words = [] if rule["nullable"] else ["not null"]
    words += ["unique"] if rule["unique"] else []
    return ", ".join(words + [say_check(check) for check in rule["checks"]])


def say_check(check: dict[str, Any]) -> str:
    """A rule of a schema in words.

    >>> say_check({"name": "in_range", "statistics": {"min_value": "0", "max_value": "120", "include_min": "True"}})
    'in range (min 0, max 120)'
    """
    said = [f"{name.removesuffix('_value')} {value}" for name, value in check["statistics"].items() if value != "True"]
    return str(check["name"]).replace("_", " ") + (f" ({', '.join(said)})" if said else "")
