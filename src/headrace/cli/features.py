"""headrace features: the catalogue of features, on the command line."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_environment, add_json
from headrace.cli.console import heading, say, say_json
from headrace.cli.format import age, cell, moment, short, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.builder.catalogue_entries import Feature, View

_ACTIONS = ("list", "search", "show")
_WIDTH = 24


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=_ACTIONS, default="list", help="what to do (default: list)")
    parser.add_argument("words", nargs="*", metavar="WORD", help="words to search for; a feature or view to show")
    add_json(parser)
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """List, search or show features."""
    from headrace.builder.catalogue import catalogue, search
    from headrace.cli.failures import open_project
    from headrace.errors import ProjectError

    if given.action != "list" and not given.words:
        wanted = "words to search for" if given.action == "search" else "a feature or view"
        raise ProjectError(f"headrace features {given.action} needs {wanted}: headrace features {given.action} NAME.")
    project = open_project(given.env)
    found = catalogue(project)
    if given.action == "show":
        for word in given.words:
            _show(project, found, word, as_json=given.json)
        return 0
    chosen = search(found, given.words) if given.words else list(found.features)
    if given.json:
        say_json({"environment": found.environment, "features": [_plain(one) for one in chosen]})
    elif chosen:
        _list(chosen)
    else:
        _say_nothing(given.words)
    return 0 if chosen or not given.words else 1


def _say_nothing(words: Sequence[str]) -> None:
    say(f"No feature has {' and '.join(map(repr, words))} in it." if words else "This project declares no features.")
    say("`headrace features` lists all.") if words else None


def _plain(feature: Feature) -> dict[str, Any]:
    return {"feature": feature.key, **asdict(feature), "models": list(feature.models)}


def _list(features: Sequence[Feature]) -> None:
    rows = [
        (one.key.partition("/")[2], one.type, ", ".join(one.entities), one.definition, len(one.consumers), _mark(one))
        for one in features
    ]
    for line in table(["feature", "type", "entity", "definition", "readers", ""], rows):
        say(line)


def _mark(feature: Feature) -> str:
    return "sensitive" if feature.sensitive else ""


def _show(project: Any, found: Any, word: str, *, as_json: bool) -> None:
    from headrace.builder.catalogue import find_view, with_statistics

    view, feature = find_view(found, word)
    view = with_statistics(project, view)
    if feature is not None:
        feature = next(one for one in view.features if one.name == feature.name)
    if as_json:
        say_json(asdict(view) if feature is None else _plain(feature))
    elif feature is None:
        _show_view(view)
    else:
        _show_feature(view, feature)


def _show_view(view: View) -> None:
    say((view.key, "bold"), f"  {' '.join(view.description.split())}")
    _facts(view)
    heading("features")
    rows = [(one.name, one.type, one.definition, *_brief(one), len(one.consumers), _mark(one)) for one in view.features]
    for line in table(["name", "type", "definition", "nulls", "least", "mean", "greatest", "readers", ""], rows):
        say(f"  {line}")
    readers = dict.fromkeys(reader for one in view.features for reader in one.consumers)
    _readers(list(readers))


def _facts(view: View) -> None:
    facts = {
        "entity": f"{', '.join(view.entities)} ({', '.join(view.keys)})" if view.entities else "none",
        "owners": ", ".join(view.owners),
        "tags": ", ".join(f"{name}:{value}" for name, value in view.tags.items()),
        "version": _version(view),
        "newest": f"{view.newest} ({view.timestamp})" if view.newest else "",
        "valid for": view.ttl or "",
        "contract": f"version {view.contract}" if view.contract else "",
        "online": "yes" if view.online else "",
    }
    for name, value in facts.items():
        if value:
            say(f"{name.ljust(10)}{value}")


def _version(view: View) -> str:
    if view.version is None:
        return "computed when somebody asks" if view.key.startswith("on_demand/") else "not built yet"
    return f"{short(view.version)}, {view.rows or 0:,} rows, built {moment(view.built_at)} ({age(view.built_at)} ago)"


def _brief(feature: Feature) -> tuple[Any, ...]:
    known = feature.statistics
    nulls = known.get("nulls")
    share = f"{nulls / known['rows']:.1%}" if nulls is not None and known.get("rows") else None
    return (share, known.get("least"), known.get("mean"), known.get("greatest"))


def _show_feature(view: View, feature: Feature) -> None:
    say((feature.key, "bold"), f"  {feature.type}")
    say(f"{'is':10}{feature.definition}")
    if feature.sensitive:
        say(f"{'sensitive':10}as it comes from {', '.join(feature.sensitive)}; its values are not shown")
    _facts(view)
    if feature.statistics:
        heading("statistics")
        for line in statistics_lines(feature.statistics):
            say(f"  {line}")
    _readers(feature.consumers)


def statistics_lines(known: dict[str, Any]) -> list[str]:
    """A feature's statistics, a line each; then its quantiles and most frequent values.

    >>> statistics_lines({"rows": 4, "looked_at": 4, "nulls": 1, "distinct": 2, "top": [["a", 2], ["b", 1]]})
    ['rows           4', 'nulls          1 (25.0%)', 'distinct       2', 'a              ████████████████ 2', ...]
    """
    rows, looked_at = known["rows"], known["looked_at"]
    sampled = f" in {looked_at:,} of them" if looked_at < rows else ""
    lines = [("rows", f"{rows:,}")]
    if "nulls" in known:
        lines.append(("nulls", f"{known['nulls']:,} ({known['nulls'] / rows:.1%})" if rows else "0"))
    lines += [(name, cell(known[name])) for name in ("least", "greatest", "mean", "deviation") if name in known]
    if known.get("not_finite"):
        lines.append(("not finite", f"{known['not_finite']:,}{sampled}"))
    if "distinct" in known:
        lines.append(("distinct", f"{known['distinct']:,}{sampled}"))
    lines += _quantiles(known.get("quantiles", []))
    most = max((count for _, count in known.get("top", ())), default=1)
    lines += [
        (cell(value)[:_WIDTH], f"{'█' * max(1, 16 * count // most)} {count:,}") for value, count in known.get("top", ())
    ]
    width = max(len(name) for name, _ in lines)
    return [f"{name.ljust(max(width, 13))}  {text}" for name, text in lines]


def _quantiles(values: Sequence[Any]) -> list[tuple[str, str]]:
    from headrace.engine.profiles import SHARES

    wanted = (0.05, 0.5, 0.95)
    return [(f"{share:.0%}", cell(value)) for share, value in zip(SHARES, values, strict=False) if share in wanted]


def _readers(readers: Sequence[str]) -> None:
    heading("read by")
    for one in readers or ["(nothing)"]:
        say(f"  {one}")


COMMAND = Command(
    name="features",
    summary="list, search and show features: what they are, how fresh, and who reads them",
    description="""\
Without words: every feature with its type, entity, definition, and the number of assets and services that
read it. `search` finds features by name, entity, owner, tag, definition or reader; `show` tells everything
about a view or a feature: owners, freshness, statistics, and which training sets, models and services read it.

Statistics are those of the current version. They are made when somebody first asks, and kept; of columns
marked as sensitive no values are shown.""",
    examples=(
        ("headrace features", "all features"),
        ("headrace features search spend 30d", "features with both words in them"),
        ("headrace features search owner@example.com", "what somebody owns"),
        ("headrace features show customer_activity", "a view and its features"),
        ("headrace features show customer_activity.spend_30d", "a feature: statistics and readers"),
    ),
    arguments=_arguments,
    run=run,
)
