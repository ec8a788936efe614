"""The reference shop from raw files to answers: `python -m headrace.cli.demo`, or `make demo`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from headrace.cli.build import build_and_record, exit_code, summary
from headrace.cli.console import STYLES, heading, say
from headrace.cli.format import cell, short, table
from headrace.declarations.feature_service import FeatureService, as_tuple
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from headrace.builder.build import Report
    from headrace.builder.project import Project
    from headrace.declarations.cascade import Cascade

_NEXT = (
    ("headrace plan", "what is out of date, and why: edit a line of assets/features.py and look again"),
    ("headrace show recommend", "everything about one asset"),
    ("headrace lineage orders.amount --down", "what is made from a column"),
    ('headrace sql "from features.customer_activity"', "any query over the current tables"),
    ("headrace features search spend", "which features there are, and who reads them"),
    ("headrace predict recommend --input ROWS.parquet", "answers for rows of a file"),
    ("headrace serve", "features over HTTP"),
    ("headrace dev", "the same in Dagster's webserver"),
)
_REQUESTED = 60.0  # what the asker hands in: the value of a basket


def run() -> int:
    """Generate raw data if there is none, build what is out of date, and say what came out."""
    from headrace.cli.failures import open_project

    project = open_project(None)
    _make_data(project)
    given = argparse.Namespace(selection=(), only=False, force=False, jobs=None, quiet=False)
    report = build_and_record(project, given)
    _print_outcomes(report)
    _print_layers(project)
    for cascade in _cascades(project, report):
        _print_metrics(project, cascade)
        _print_answers(project, cascade)
    heading("Where to look next")
    for command, meaning in _NEXT:
        say(f"  {command.ljust(48)}  {meaning}")
    return exit_code(report)


def _make_data(project: Project) -> None:
    folder = project.data_folder
    if folder.is_dir() and any(folder.iterdir()):
        return
    from headrace.examples.shop_data import generate

    say(f"Generating raw data in {folder}", stream=sys.stderr)
    generate(folder)


def _print_outcomes(report: Report) -> None:
    heading(summary(report))
    rows = [
        [one.asset, short(one.manifest.version), one.manifest.rows, one.manifest.seconds] for one in report.outcomes
    ]
    lines = table(["asset", "version", "rows", "seconds to build"], rows, thousands=True)
    say(f"  {' ' * 7}  {lines[0]}")
    for line, outcome in zip(lines[1:], report.outcomes, strict=True):
        say("  ", (outcome.state.ljust(7), STYLES[outcome.state]), f"  {line}")


def _print_layers(project: Project) -> None:
    layers: dict[str, list[int]] = {}
    for key, version in project.store.refs(project.environment).current().items():
        if key in project.graph.nodes:
            layers.setdefault(key.partition("/")[0], []).append(project.store.load(key, version).rows)
    heading("Rows by layer")
    kinds = dict.fromkeys(key.partition("/")[0] for key in project.graph.keys)
    rows = [[kind, len(layers[kind]), sum(layers[kind])] for kind in kinds if kind in layers]
    for line in table(["layer", "assets", "rows"], rows, "  ", thousands=True):
        say(line)


def _cascades(project: Project, report: Report) -> list[Cascade]:
    """The cascades that are current: this build did not fail to make them."""
    from headrace.declarations.cascade import Cascade

    found = [one for one in project.graph.nodes.values() if isinstance(one, Cascade)]
    return [one for one in found if one.key not in report.failed and one.key not in report.skipped]


def _print_metrics(project: Project, cascade: Cascade) -> None:
    from headrace.cli.details import metric_lines

    for declaration in (*cascade.members, cascade):
        manifest = project.store.current(declaration.key, project.environment)
        heading(f"How good is {declaration.key}? {declaration.description}".rstrip())
        for line in metric_lines(manifest.details["metrics"], "  "):
            say(line)


def _print_answers(project: Project, cascade: Cascade) -> None:
    """Three held-out rows as they would be answered when serving."""
    from headrace.cli.predict import current_bundle

    bundle = current_bundle(project, cascade.key)
    last = cascade.stages[-1]
    rows = _test_rows(project, last.matrix.rows.key)
    answers = bundle.predict(rows)
    heading(f"Three rows of the test split of {last.matrix.rows.key}, answered by {cascade.key}")
    names = [*last.matrix.rows.keys, last.target]
    truth = ((name, rows[name].to_pylist()) for name in names)
    said = ((f"-> {name}", answers[name].to_list()) for name in answers.columns)
    shown = [[name, *map(cell, values)] for name, values in (*truth, *said)]
    for line in table(["", *(f"row {number}" for number in range(1, len(rows) + 1))], shown, "  "):
        say(line)
    for service in as_tuple(last.matrix.rows.features):
        if isinstance(service, FeatureService):
            found = _print_online(project, service, rows.to_pylist()[-1])
            answer = bundle.row_predictor()(found)
            say(f"  -> {', '.join(f'{name} {cell(answer[name])}' for name in answer if name.startswith(last.target))}")


def _test_rows(project: Project, key: str) -> pa.Table:
    from headrace.engine.session import MAIN_TABLE, connect, parquet

    version = project.store.current(key, project.environment).version
    path = project.store.folder(key, version) / MAIN_TABLE
    with connect() as connection:
        return connection.sql(f"select * from {parquet(path)} where split = 'test' limit 3").to_arrow_table()


def _print_online(project: Project, service: FeatureService, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the online store has for the entities of a row, at the last moment that the data tell of."""
    from headrace.serving.feature_store import FeatureStore

    with FeatureStore(project.root, project.environment) as store:
        described = store.service(service.name)
        asked = {name: row[name] for name, _ in described.keys}
        request = dict.fromkeys((name for name, _ in described.requests), _REQUESTED)
        known = (store.online_store.describe(read.view) for read in described.reads)
        at = max((one.latest for one in known if one is not None and one.latest is not None), default=None)
        found = store.online(service, asked, request, at=at)
    entity = ", ".join(f"{name} {value}" for name, value in {**asked, **request}.items())
    moment = f" as of {at:%Y-%m-%d %H:%M} UTC" if at else ""
    heading(f"Service {service.name}, read from the online store{moment}: {entity}")
    rows = [[name, cell(value), found.status()[name]] for name, value in found[0].items()]
    for line in table(["feature", "value", "status"], rows, "  "):
        say(line)
    return found[0]


def main() -> int:
    """Run the demo; returns the exit code of its build."""
    from headrace.cli.failures import message_of

    try:
        return run()
    except HeadraceError as error:
        print(message_of(error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
