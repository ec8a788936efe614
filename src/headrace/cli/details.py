"""A manifest's details as lines: metrics and blocks as small tables, other facts as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headrace.cli.format import cell, table

# Parts of metrics and splits in the order in which they are read; all others follow.
_ORDER = ("rows", "end to end", "out of fold", "train", "validation", "test")

# Shown elsewhere: by `headrace lineage`, by `headrace explain`, as the version's inputs; or how a snapshot is read.
_ELSEWHERE = ("column lineage", "row lineage", "statement", "reasons", "members", "online")


def detail_lines(details: Mapping[str, Any]) -> list[str]:
    """Every detail but those shown elsewhere."""
    lines: list[str] = []
    for name, value in details.items():
        if name == "metrics":
            lines += ["metrics", *metric_lines(value, indent="  ")]
        elif _is_table(value) and len(value) > 1:
            lines += [name, *_table(value, indent="  ")]
        elif name not in _ELSEWHERE:
            lines.append(f"{name}: {_said(value)}")
    return lines


def metric_lines(metrics: Mapping[str, Any], indent: str = "") -> list[str]:
    """Metrics by split, or by target and part: one row each, one column a metric.

    >>> metric_lines({"test": {"rows": 10, "auc": 0.75}})
    ['      rows   auc', 'test    10  0.75']
    """
    deeper = [name for name, value in metrics.items() if _is_table(value)]
    if not deeper:
        return _table(metrics, indent)
    return [line for name in deeper for line in (f"{indent}{name}", *metric_lines(metrics[name], f"{indent}  "))]


def _table(rows: Mapping[str, Mapping[str, Any]], indent: str) -> list[str]:
    headers = _ordered(dict.fromkeys(field for row in rows.values() for field in row))
    grid = [[name, *(_cell(rows[name].get(header)) for header in headers)] for name in _ordered(rows)]
    return table(["", *headers], grid, indent, thousands=True)


def _ordered(names: Iterable[str]) -> list[str]:
    """The known names first; the sort is stable."""
    return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))


def _cell(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(row, dict) for row in value.values())


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(value[name])}" for name in _ordered(value))
    if isinstance(value, list):
        return ", ".join(_said(one) for one in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else cell(value)
