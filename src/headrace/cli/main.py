"""headrace: the command line's entry point, and the boundary where errors become messages and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from headrace.cli import (
    build,
    dev,
    diff,
    docs,
    explain,
    features,
    gc,
    history,
    import_feast,
    init,
    lineage,
    plan,
    predict,
    promote,
    rollback,
    serve,
    show,
    sql,
)
from headrace.errors import HeadraceError, ProjectError, SelectionError, UnknownAsset, closest

COMMANDS = (
    init.COMMAND,
    plan.COMMAND,
    build.COMMAND,
    show.COMMAND,
    history.COMMAND,
    explain.COMMAND,
    diff.COMMAND,
    lineage.COMMAND,
    features.COMMAND,
    docs.COMMAND,
    import_feast.COMMAND,
    sql.COMMAND,
    predict.COMMAND,
    serve.COMMAND,
    promote.COMMAND,
    rollback.COMMAND,
    gc.COMMAND,
    dev.COMMAND,
)
_BAD_USAGE = 2
_DETAILED = "--detailed-exitcode"
_DESCRIPTION = """\
Features, transforms, matrices and cascades as Dagster assets over DuckDB.
Lineage decides what has to be built."""
_EPILOG = "`headrace COMMAND --help` tells more. Exit codes: 0 done, 1 something failed, 2 bad usage."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    >>> main(["plam"])
    Traceback (most recent call last):
    SystemExit: 2
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = make_parser()
    try:
        given = parser.parse_args(arguments)
    except SystemExit as stop:
        if stop.code == _BAD_USAGE and _is_detailed(arguments):
            raise SystemExit(1) from None  # 2 would say that there is something to do
        raise
    if given.run is None:
        parser.print_help()
        return 0
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code: int = given.run(given)
        sys.stdout.flush()
    except HeadraceError as error:
        code = _tell(error)
        return 1 if _is_detailed(arguments) else code
    except KeyboardInterrupt:
        print("Interrupted. What was finished is kept; build again to go on from there.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has gone; without this Python complains once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as a line on stderr, without the place in our code that found it out."""
    print(f"warning: {message}", file=sys.stderr)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports nothing heavy."""
    parser = _Parser(
        prog="headrace",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=_Parser)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that knows what was meant by a misspelt command."""

    def error(self, message: str) -> NoReturn:
        given = message.partition("invalid choice: '")[2].partition("'")[0]
        near = closest(given, [command.name for command in COMMANDS]) if given else None
        if given and self.prog == "headrace":
            known = ", ".join(command.name for command in COMMANDS)
            message = f"no command {given!r}.{f' Did you mean {near!r}?' if near else ''} Commands: {known}."
        self.exit(2, f"{self.prog}: {message}\nTry `{self.prog} --help`.\n")


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"headrace {version('headrace')}")
        parser.exit()


def _is_detailed(arguments: Sequence[str]) -> bool:
    """Whether 2 means that something is to be done, and every error has to be 1."""
    return any(one.startswith("--d") and _DETAILED.startswith(one) for one in arguments)


def _tell(error: HeadraceError) -> int:
    from headrace.cli.failures import message_of

    print(message_of(error), file=sys.stderr)
    return _BAD_USAGE if isinstance(error, UnknownAsset | SelectionError | ProjectError) else 1


if __name__ == "__main__":
    sys.exit(main())
