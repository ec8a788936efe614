"""Python's cached bytecode, which it tells by whole seconds and size: a quick edit of equal length goes unseen."""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from headrace.errors import DeclarationError

_HEADER = 16
_RACE = 2.0
_MARK = "__loaded_from_old_bytecode__"


def discard_racy_bytecode(*folders: Path) -> None:
    """Delete cached bytecode that may be older than its source though Python would take it, before an import.

    Bytecode names its source's time in whole seconds. Where source and bytecode were written within two seconds, the
    source may have been edited since; compiling a file again takes milliseconds.

    Args:
        folders: folders with modules; packages below them are looked into as well.
    """
    for cached, source in (pair for folder in folders for pair in _cached_modules(folder)):
        if _is_racy(cached, source):
            with suppress(OSError):
                cached.unlink()


def _cached_modules(folder: Path) -> Iterator[tuple[Path, Path]]:
    for cached in sorted((folder / "__pycache__").glob(f"*.{sys.implementation.cache_tag}*.pyc")):
        yield cached, folder / f"{cached.name.partition('.')[0]}.py"
    for package in sorted(folder.glob("*/__init__.py")):
        yield from _cached_modules(package.parent)


def _is_racy(cached: Path, source: Path) -> bool:
    try:
        return cached.stat().st_mtime - int(source.stat().st_mtime) < _RACE
    except OSError:
        return False


def refuse_old_bytecode(where: str, module: ModuleType) -> None:
    """Refuse a module whose bytecode Python took for current though the source was edited; its constants are old."""
    if _MARK in vars(module) or _loaded_old(module):
        # Kept with the module, for the bytecode is gone: whoever asks again in this process is refused again.
        vars(module)[_MARK] = True
        problem = f"{module.__file__} was edited so soon after it was loaded that Python loaded the older text again."
        raise DeclarationError(where, problem, fix="Run it again.")


def _loaded_old(module: ModuleType) -> bool:
    """Whether a module came from bytecode older than its source; the bytecode is then deleted."""
    cached = getattr(getattr(module, "__spec__", None), "cached", None)
    file = getattr(module, "__file__", None)
    if not cached or not file or not _is_racy(Path(cached), Path(file)):
        return False
    with suppress(OSError):
        state = tuple((found.st_mtime_ns, found.st_size) for found in (os.stat(cached), os.stat(file)))
        if _is_old(str(cached), str(file), state):
            Path(cached).unlink()
            return True
    return False


@lru_cache(maxsize=1024)
def _is_old(cached: str, file: str, state: tuple[tuple[int, int], ...]) -> bool:
    """Whether bytecode that Python accepts is not that of the source; `state` tells one state of both from another."""
    held, source = Path(cached).read_bytes(), Path(file).read_bytes()
    modified, size = (int.from_bytes(held[at : at + 4], "little") for at in (8, 12))
    accepted = modified == int(os.stat(file).st_mtime) & 0xFFFFFFFF and size == len(source) & 0xFFFFFFFF
    timed = int.from_bytes(held[4:8], "little") == 0  # otherwise told by a hash of the source
    try:
        return timed and accepted and marshal.loads(held[_HEADER:]) != compile(source, file, "exec", dont_inherit=True)  # noqa: S302
    except (EOFError, SyntaxError, TypeError, ValueError):
        return False
