"""Command: what every file of this package declares, and how it becomes a parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.builder.project import Project


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        summary: its line in `headrace --help`.
        description: what it does, for `headrace NAME --help`.
        examples: `(command, what it does)`, shown below the options.
        arguments: adds its arguments to a parser.
        run: does it; returns the exit code.
    """

    name: str
    summary: str
    description: str
    examples: tuple[tuple[str, str], ...]
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    def add_to(self, commands: Any) -> None:
        """Add its parser to argparse's subparsers."""
        width = max(len(example) for example, _ in self.examples)
        shown = "\n".join(f"  {example.ljust(width)}  {meaning}" for example, meaning in self.examples)
        parser = commands.add_parser(
            self.name,
            help=self.summary,
            description=self.description,
            epilog=f"examples:\n{shown}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.arguments(parser)
        parser.set_defaults(run=self.run)


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Add `--env`."""
    parser.add_argument("--env", metavar="E", help="environment (default: the one in pyproject.toml)")


def add_json(parser: argparse.ArgumentParser, what: str = "one JSON object") -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help=f"print {what} instead of text")


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which assets are meant."""
    parser.add_argument(
        "selection",
        nargs="*",
        action="extend",
        metavar="SELECTION",
        help="assets, such as NAME, 'features/*', +NAME, NAME+, 'kind:sql and not NAME' (default: all)",
    )
    parser.add_argument(
        "--select", nargs=1, action="extend", dest="selection", metavar="SELECTION", help="the same, as an option"
    )
    parser.add_argument("--only", action="store_true", help="leave out-of-date inputs of the selection as they are")
    parser.add_argument("--force", action="store_true", help="compute the selection even where nothing changed")


def whole_number(text: str) -> int:
    """An argument that counts something: 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def open_store(environment: str | None) -> Project:
    """The project at or above the working directory without its declarations, for commands that only read versions."""
    from pathlib import Path

    from headrace.builder.project import project_from
    from headrace.settings import find_root

    return project_from((), find_root(Path.cwd()), environment)
