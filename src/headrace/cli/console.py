"""Printing: plain text anywhere, colours on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

# A piece of a line: its text, and a rich style or nothing.
Piece = tuple[str, str]
STYLES = {
    "fresh": "green",
    "reuse": "cyan",
    "reused": "cyan",
    "build": "yellow",
    "built": "yellow",
    "pending": "magenta",
    "failed": "bold red",
    "skipped": "dim",
}


def say(*pieces: str | Piece, stream: TextIO | None = None) -> None:
    """Print one line made of pieces, in their styles when `stream` (by default stdout) is a terminal."""
    stream = stream or sys.stdout
    whole: Sequence[Piece] = [(piece, "") if isinstance(piece, str) else piece for piece in pieces]
    if not stream.isatty():
        print("".join(text for text, _ in whole).rstrip(), file=stream)
        return
    from rich.console import Console
    from rich.text import Text

    Console(file=stream, soft_wrap=True, highlight=False).print(Text.assemble(*whole))


def say_json(value: Any) -> None:
    """Print one JSON value on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def heading(text: str) -> None:
    """Print a title with an empty line before it."""
    say()
    say((text, "bold"))
