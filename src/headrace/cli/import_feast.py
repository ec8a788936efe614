"""headrace import-feast: the declarations of a Feast repository as Headrace declarations."""

from __future__ import annotations

import argparse
from pathlib import Path

from headrace.cli.command import Command
from headrace.cli.console import heading, say

_WORDS = {
    "Entity": ("entity", "entities"),
    "Source": ("source", "sources"),
    "FeatureView": ("feature view", "feature views"),
    "OnDemandFeatureView": ("on-demand view", "on-demand views"),
    "FeatureService": ("service", "services"),
}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", type=Path, metavar="REPOSITORY", help="the folder with feature_store.yaml")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the module to write (default: from_feast.py in the assets package)"
    )
    parser.add_argument("--force", action="store_true", help="replace the module if it is there")


def run(given: argparse.Namespace) -> int:
    """Read the repository and write the module."""
    from headrace.cli.feast.reader import read_repository
    from headrace.cli.feast.writer import Writer
    from headrace.errors import ProjectError
    from headrace.settings import find_root, read_settings
    from headrace.store.atomic import disk_errors, write_atomically

    root = find_root(Path.cwd())
    settings = read_settings(root)
    output: Path = given.output or root / settings.assets.replace(".", "/") / "from_feast.py"
    if output.exists() and not given.force:
        raise ProjectError(f"{output} is there already. Say --output FILE, or --force to replace it.")
    writer = Writer(read_repository(given.repository), root / settings.data)
    text = writer.text()
    with disk_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, text, durable=False)
    counts = [f"{count} {_WORDS[kind][count > 1]}" for kind in _WORDS if (count := writer.counts.get(kind, 0))]
    say(f"{output}: {', '.join(counts) or 'nothing was found'}")
    if writer.notes:
        heading("look at")
        for note in writer.notes:
            say(f"  {note}")
    say()
    say("Next: `headrace plan`. docs/from-feast.md says what differs.")
    return 0


COMMAND = Command(
    name="import-feast",
    summary="write the declarations of a Feast repository as Headrace declarations",
    description="""\
Read the entities, sources, feature views, on-demand views and services of a Feast repository and write them
as a module of Headrace declarations. The repository's Python is read, not run, and Feast need not be
installed; what shows only when the code runs is listed, with file and line.""",
    examples=(
        ("headrace import-feast ../feature_repo", "into assets/from_feast.py"),
        ("headrace import-feast ../feature_repo --output assets/drivers.py", "elsewhere"),
    ),
    arguments=_arguments,
    run=run,
)
