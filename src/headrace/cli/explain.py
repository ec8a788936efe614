"""headrace explain: why an asset is as it is, and what it would take to change it."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_environment, add_json
from headrace.cli.console import STYLES, heading, say, say_json
from headrace.cli.format import duration, moment, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headrace.builder.explain import Explanation, Ingredients, Input, Origin
    from headrace.lineage.reads import Reads

_WIDTH = 110
_MOST_FILES = 8
_MOST_VALUE = 40
_NO_BREAK = "\N{NO-BREAK SPACE}"
_WHOLE = "every column"
# Reasons that read otherwise once they are past.
_PAST = {"never_built": "it had not been built before", "forced": "it was asked for, though nothing had changed"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset", metavar="ASSET", help="an asset's key or name")
    add_json(parser)
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Print the explanation. Nothing is computed."""
    from headrace.builder.explain import explain
    from headrace.cli.assets import one_asset
    from headrace.cli.failures import open_project

    project = open_project(given.env)
    found = explain(project, one_asset(given.asset, project.graph.keys))
    project.statements.save()
    if given.json:
        say_json(explanation_json(found))
    else:
        _print(found)
    return 0


def explanation_json(found: Explanation) -> dict[str, Any]:
    """An explanation as JSON; `columns` are null where every column is meant."""
    from headrace.builder.changes import reasons_json

    made = found.ingredients
    return {
        "asset": found.asset,
        "environment": found.environment,
        "state": found.step.state,
        "reasons": reasons_json(found.step.reasons),
        "version": None if found.origin is None else _origin_json(found.origin),
        "inputs": [
            {
                "asset": one.asset,
                "columns": _columns(one.columns),
                "version": one.version,
                "current": one.current,
                "changed": None if one.changed is None else list(one.changed),
            }
            for one in found.inputs
        ],
        "changed_by": {
            "code": {file: list(names) for file, names in made.code.items()},
            "constants": dict(made.constants),
            "sql": made.sql,
            "files": list(made.files),
            "fields": list(made.fields),
            "libraries": list(made.libraries),
        },
        "readers": [{"asset": one.asset, "columns": _columns(one.columns)} for one in found.readers],
        "downstream": list(found.downstream),
        "unread": list(found.unread),
    }


def _origin_json(origin: Origin) -> dict[str, Any]:
    from headrace.builder.changes import reasons_json

    manifest = origin.manifest
    return {
        "version": manifest.version,
        "why": reasons_json(origin.why),
        "state": origin.state,
        "at": origin.at,
        "run_id": origin.run_id,
        "replaced": origin.replaced,
        "built_at": manifest.created_at,
        "built_by": manifest.run_id,
        "seconds": manifest.seconds,
        "rows": manifest.rows,
    }


def _columns(reads: Reads) -> list[str] | None:
    from headrace.lineage.reads import column_names

    return column_names(reads)


def _print(found: Explanation) -> None:
    step = found.step
    say((found.asset, "bold"), f"  in {found.environment}:  ", (step.state, STYLES[step.state]))
    for reason in step.reasons:
        say(f"  {reason.detail}")
    if found.origin is None:
        heading("not built yet")
    else:
        _print_origin(found.origin)
    if found.inputs:
        heading("what it reads")
        for one in found.inputs:
            _print_input(one)
    heading("what would change it")
    _print_ingredients(found)
    heading(_count(found))
    for reader in found.readers:
        _lines(f"{reader.asset}:  ", _said(reader.columns))
    further = [key for key in found.downstream if key not in {one.asset for one in found.readers}]
    if further:
        _lines("through these:  ", further)
    if found.unread:
        _lines("read by none:  ", found.unread)


def _print_origin(origin: Origin) -> None:
    manifest = origin.manifest
    heading(f"why version {short(manifest.version)} is current")
    for reason in origin.why:
        say(f"  {_PAST.get(reason.kind, reason.detail)}")
    if not origin.why:
        say("  the same code and inputs as before, computed once more")
    run = f" by run {manifest.run_id[:8]}" if manifest.run_id else ""
    say(f"  built {moment(manifest.created_at)}{run} in {duration(manifest.seconds)}: {manifest.rows:,} rows")
    if origin.replaced or origin.run_id != manifest.run_id:
        before = f", in place of {short(origin.replaced)}" if origin.replaced else ""
        say(f"  {origin.state} {moment(origin.at)}{before}")


def _print_input(one: Input) -> None:
    if one.version is None:
        state = "not built yet" if one.current is None else "not read by the current version"
    elif one.changed is None:
        state = "changed since"
    elif one.changed:
        state = f"changed since: {', '.join(one.changed)}"
    else:
        state = "unchanged" if one.version == one.current else "unchanged in these columns"
    version = f" {short(one.version)}" if one.version else ""
    say(f"  {one.asset}{version}  ", (f"({state})", "dim"))
    _lines("  ", _said(one.columns))


def _said(reads: Reads) -> list[str]:
    """Columns as people say them; code that was watched may have looked at the schema as well."""
    from headrace.lineage.reads import SCHEMA

    columns = _columns(reads)
    if columns is None or reads is None:
        return [_WHOLE]
    schema = ["and the names and types of all columns"] if SCHEMA in reads else []
    return [*(columns or ["the number of rows"]), *schema]


def _print_ingredients(found: Explanation) -> None:
    made = found.ingredients
    for title, words in _ingredients(made):
        _lines(f"{title}:  ", words)
    if found.inputs:
        say("  inputs:  the columns above, in their values or number of rows")


def _ingredients(made: Ingredients) -> Iterable[tuple[str, Sequence[str]]]:
    if made.sql:
        yield "code", ["its SQL, but for layout and comments"]
    for file, names in made.code.items():
        yield f"code in {file}", [f"`{name}`" for name in names if name] or ["the whole module"]
    if made.constants:
        yield "constants", [f"{name} = {_cut(value)}" for name, value in made.constants.items()]
    if made.files:
        more = len(made.files) - _MOST_FILES
        yield "files", [*made.files[:_MOST_FILES], *([f"and {more} more"] if more > 0 else [])]
    if made.fields:
        yield "declaration", made.fields
    if made.libraries:
        yield "library versions", made.libraries


def _cut(value: str) -> str:
    return value if len(value) <= _MOST_VALUE else f"{value[: _MOST_VALUE - 1]}…"


def _count(found: Explanation) -> str:
    count = len(found.downstream)
    return f"what depends on it: {count} {'asset' if count == 1 else 'assets'}" if count else "nothing depends on it"


def _lines(title: str, words: Iterable[str]) -> None:
    """Words after a title, wrapped under the first of them."""
    first = f"  {title}"
    text = ", ".join(word.replace(" ", _NO_BREAK) for word in words)
    wrapper = textwrap.TextWrapper(_WIDTH, first, " " * len(first), break_long_words=False, break_on_hyphens=False)
    for line in wrapper.wrap(text):
        say(line.replace(_NO_BREAK, " "))


COMMAND = Command(
    name="explain",
    summary="say why an asset is as it is, and what it would take to change it",
    description="""\
Say of one asset whether it is up to date, why its current version was built or moved to, when, by which run
and how long that took; which columns it reads of each input, and which of these have changed since; which
functions, constants, files and declared fields would change it; and what depends on which of its columns.
Nothing is computed.""",
    examples=(
        ("headrace explain purchases", "why it is as it is"),
        ("headrace explain features/customer_activity --json", "for programs"),
        ("headrace explain recommend --env prod", "what made the version in another environment"),
    ),
    arguments=_arguments,
    run=run,
)
