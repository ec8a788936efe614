"""headrace show: the assets of a project, or everything about one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_environment, add_json, whole_number
from headrace.cli.console import STYLES, heading, say, say_json
from headrace.cli.format import age, blob, duration, moment, short, size, table, to_json

if TYPE_CHECKING:
    from headrace.builder.project import Project
    from headrace.store.manifest import Manifest


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset", nargs="?", metavar="ASSET", help="an asset's key or name (default: all, a line each)")
    add_json(parser)
    parser.add_argument("--rows", type=whole_number, default=5, metavar="N", help="rows to show of it (default: 5)")
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Print the list of assets, or one asset."""
    from headrace.cli.failures import open_project

    project = open_project(given.env)
    return _show_one(project, given) if given.asset else _show_all(project, given)


def _show_all(project: Project, given: argparse.Namespace) -> int:
    from headrace.builder.planning import plan_project

    plan = plan_project(project, governed=False)
    versions = project.store.refs(project.environment).current()
    shown = [
        (plan.steps[key], project.store.load(key, versions[key]) if key in versions else None)
        for key in project.graph.keys
    ]
    if given.json:
        say_json({"environment": project.environment, "assets": [_brief(*one) for one in shown]})
        return 0
    lines = table(["asset", "version", "rows", "age"], [_row(*one) for one in shown], thousands=True)
    width = max(map(len, lines))
    say((f"{lines[0].ljust(width)}  state", "dim"))
    for line, (step, _) in zip(lines[1:], shown, strict=True):
        say(f"{line.ljust(width)}  ", (step.state, STYLES[step.state]))
    return 0


def _row(step: Any, manifest: Manifest | None) -> list[Any]:
    if manifest is None:
        return [step.asset, "", None, ""]
    return [step.asset, short(manifest.version), manifest.rows, age(manifest.created_at)]


def _brief(step: Any, manifest: Manifest | None) -> dict[str, Any]:
    return {
        "asset": step.asset,
        "state": step.state,
        "version": manifest.version if manifest else None,
        "rows": manifest.rows if manifest else None,
        "created_at": manifest.created_at if manifest else None,
    }


def _show_one(project: Project, given: argparse.Namespace) -> int:
    from headrace.cli.assets import one_asset

    asset = one_asset(given.asset, project.graph.keys)
    manifest = project.store.current(asset, project.environment)
    rows = _preview(project, manifest, given.rows)
    if given.json:
        say_json(_whole(project, manifest, rows))
    else:
        _print(project, manifest, rows)
    return 0


def _preview(project: Project, manifest: Manifest, count: int) -> list[tuple[Any, ...]]:
    from headrace.builder.sensitivity import Sensitivity, mask
    from headrace.engine.session import MAIN_TABLE, connect, parquet

    path = project.store.folder(manifest.asset, manifest.version) / MAIN_TABLE
    with connect() as connection:
        rows = connection.sql(f"select * from {parquet(path)} limit {count}").fetchall()
    return mask(rows, [name for name, _ in manifest.columns], Sensitivity(project).of(manifest))


def _whole(project: Project, manifest: Manifest, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    names = [name for name, _ in manifest.columns]
    preview = [
        {
            name: blob(value) if isinstance(value, bytes) else to_json(value)
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]
    return {
        "asset": manifest.asset,
        "description": project.graph.nodes[manifest.asset].description,
        "environment": project.environment,
        "version": manifest.version,
        "created_at": manifest.created_at,
        "seconds": manifest.seconds,
        "rows": manifest.rows,
        "bytes": _bytes(manifest),
        "columns": [{"name": name, "type": kind} for name, kind in manifest.columns],
        "inputs": {key: one["version"] for key, one in manifest.inputs.items()},
        "details": manifest.details,
        "preview": preview,
    }


def _print(project: Project, manifest: Manifest, rows: list[tuple[Any, ...]]) -> None:
    from headrace.cli.details import detail_lines

    declaration = project.graph.nodes[manifest.asset]
    say((manifest.asset, "bold"), f"  {declaration.description}")
    say(f"version {short(manifest.version)}, built {moment(manifest.created_at)} in {duration(manifest.seconds)}")
    say(f"{manifest.rows:,} rows, {len(manifest.columns)} columns, {size(_bytes(manifest))}")
    if declaration.owners:
        say(f"owned by {', '.join(declaration.owners)}")
    if manifest.inputs:
        heading("made from")
        for line in table(["input", "version"], [(key, short(one["version"])) for key, one in manifest.inputs.items()])[
            1:
        ]:
            say(f"  {line}")
    heading("details")
    for line in detail_lines(manifest.details):
        say(f"  {line}")
    heading("columns")
    for line in table(["name", "type"], manifest.columns)[1:]:
        say(f"  {line}")
    heading(f"first {len(rows)} rows")
    for line in table([name for name, _ in manifest.columns], rows):
        say(f"  {line}")


def _bytes(manifest: Manifest) -> int:
    return sum(int(facts["bytes"]) for facts in manifest.files.values())


COMMAND = Command(
    name="show",
    summary="list the assets, or show everything about one",
    description="""\
Without an asset: all assets with version, rows, age and state. With one: what it is, its current version,
inputs, details such as metrics, columns, and some rows.""",
    examples=(
        ("headrace show", "all assets"),
        ("headrace show recommend", "a cascade and its metrics"),
        ("headrace show purchases --rows 20", "a training set and twenty of its rows"),
    ),
    arguments=_arguments,
    run=run,
)
