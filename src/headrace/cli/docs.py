"""headrace docs: the catalogue as one HTML file."""

from __future__ import annotations

import argparse
import html
import json
from pathlib import Path
from typing import Any

from headrace.cli.command import Command, add_environment, whole_number
from headrace.cli.console import say

_SITE = Path(__file__).with_name("site")
_DEFAULT = Path("catalogue")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the folder to write index.html into (default: catalogue)"
    )
    parser.add_argument(
        "--samples",
        type=whole_number,
        default=0,
        metavar="N",
        help="put the first N rows of every table in, without sensitive columns (default: none)",
    )
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Write the catalogue."""
    from headrace.builder.site import site_data
    from headrace.cli.failures import open_project
    from headrace.store.atomic import disk_errors, write_atomically

    project = open_project(given.env)
    folder = given.output or project.root / _DEFAULT
    data = site_data(project, given.samples)
    path = folder / "index.html"
    with disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page(data), durable=False)
    features = sum(len(view["features"]) for view in data["views"])
    say(f"{path}: {features} features of {len(data['views'])} views, {len(data['assets'])} assets")
    say("Open it in a browser, or put it on any web server: it loads nothing else.")
    return 0


def page(data: dict[str, Any]) -> str:
    """The page with everything in it."""
    # Within a script element only these characters could end it.
    values = json.dumps(data, ensure_ascii=False, default=str).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    parts = {
        "title": html.escape(f"{data['project']}: features"),
        "style": (_SITE / "style.css").read_text(encoding="utf-8"),
        "script": (_SITE / "script.js").read_text(encoding="utf-8"),
        "data": values,
    }
    text = (_SITE / "page.html").read_text(encoding="utf-8")
    for name, value in parts.items():
        before, _, after = text.partition("{{" + name + "}}")
        text = before + value + after
    return text


COMMAND = Command(
    name="docs",
    summary="write the catalogue of features as one HTML file",
    description="""\
Write DIR/index.html: every feature with its type, owners, tags, statistics, freshness and readers, entities,
services, every asset with its columns, and lineage as a graph. The file holds everything that it shows and
loads nothing from a network. Values of sensitive columns are not in it.""",
    examples=(
        ("headrace docs", "into catalogue/"),
        ("headrace docs --output site --env prod", "of another environment, elsewhere"),
        ("headrace docs --samples 5", "with five rows of every table"),
    ),
    arguments=_arguments,
    run=run,
)
