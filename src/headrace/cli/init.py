"""headrace init: a project that runs at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from headrace.cli.command import Command
from headrace.cli.console import say


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is empty or does not exist")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="another seed is another shop (default: 7)")


def run(given: argparse.Namespace) -> int:
    """Copy the template and generate its raw data."""
    from headrace.cli.template import copy_template
    from headrace.examples.shop_data import generate

    copy_template(given.folder)
    written = generate(given.folder / "data", seed=given.seed)
    say(
        (f"A shop in {given.folder}", "bold"),
        f", with {sum(written.values()):,} raw rows and photos in {given.folder / 'data'}.",
    )
    say("Next:")
    for command, meaning in (
        (f"cd {given.folder}", "everything below runs there"),
        ("headrace plan", "what would be built, and why"),
        ("headrace build", "build it: from raw files to a cascade of models"),
        ("headrace show recommend", "how good it is"),
        ("headrace features", "the features, and who reads them"),
        ("headrace serve", "features over HTTP, as of now"),
        ("headrace dev", "the same in Dagster's webserver"),
    ):
        say(f"  {command.ljust(24)}  {meaning}")
    return 0


COMMAND = Command(
    name="init",
    summary="make a project that runs at once",
    description="""\
Make a project in DIR: a small shop with declarations, resources, a test, raw data generated for it, and
the settings of Headrace and Dagster. Change its assets/ into your own.""",
    examples=(
        ("headrace init shop", "a project in ./shop"),
        ("headrace init shop --seed 1", "with other raw data"),
    ),
    arguments=_arguments,
    run=run,
)
