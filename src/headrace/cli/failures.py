"""Failures in words: where in the user's project something went wrong, and how."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from headrace.errors import DeclarationError, HeadraceError, ProjectError, UnknownAsset, closest

if TYPE_CHECKING:
    from headrace.builder.project import Project

_PACKAGE = Path(__file__).resolve().parents[1]
_LAST_FRAMES = 3


def open_project(environment: str | None) -> Project:
    """The project at or above the working directory, its declarations imported.

    Raises ProjectError, with the line of the user's code, when they cannot be imported.
    """
    from headrace.builder.project import load_project

    try:
        return load_project(environment=environment)
    except HeadraceError:
        raise
    except SyntaxError as error:
        place = f"{_short(error.filename or 'a module')}:{error.lineno}"
        raise ProjectError(f"{place}: SyntaxError: {error.msg}\n    {(error.text or '').strip()}") from error
    except Exception as error:
        # Whatever the project's own modules raise; the command line's user is their author.
        raise ProjectError(f"{_place(error)}{type(error).__name__}: {error}") from error


def message_of(error: Exception) -> str:
    """What to print for an error: a declaration's is preceded by its file and line, where they can be found."""
    if isinstance(error, UnknownAsset) and error.suggestion is None:
        return f"{error}{_meant(error)}"
    return f"{_place(error)}{error}" if isinstance(error, DeclarationError) else str(error)


def _meant(error: UnknownAsset) -> str:
    """The key whose part after the first slash is nearest: people leave the first part out."""
    tails = {key.partition("/")[2]: key for key in reversed(error.known)}  # of equals the first
    found = closest(error.given, tails)
    return f" Did you mean {tails[found]!r}?" if found else ""


def print_failure(asset: str, error: Exception, stream: TextIO) -> None:
    """Print why an asset failed: a Headrace message whole, anything else with the last frames of its traceback."""
    text = message_of(error) if isinstance(error, HeadraceError) else f"{type(error).__name__}: {error}"
    print(f"\nfailed  {asset}", file=stream)
    for line in text.splitlines():
        print(f"  {line}", file=stream)
    if isinstance(error, HeadraceError):
        return
    for frame in _telling_frames(error):
        print(f"    {_short(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line}", file=stream)


def _telling_frames(error: Exception) -> list[traceback.FrameSummary]:
    """The last frames in the user's code; where there are none, the last of all: then the fault is not theirs."""
    frames = list(traceback.extract_tb(error.__traceback__))
    users = [frame for frame in frames if _is_users(frame.filename)]
    return (users or frames)[-_LAST_FRAMES:]


def _place(error: BaseException) -> str:
    users = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f"{_short(users[-1].filename)}:{users[-1].lineno}: " if users else ""


def _is_users(file: str) -> bool:
    path = Path(file)
    if not path.is_file() or path.resolve().is_relative_to(_PACKAGE):
        return False
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib", "scripts")}
    return (
        not any(path.resolve().is_relative_to(Path(folder).resolve()) for folder in libraries) and file != sys.argv[0]
    )


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
