"""The tokens of DuckDB's SQL, cut where DuckDB's own scanner cuts them (PostgreSQL's rules), without a parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["word", "quoted", "string", "number", "operator", "mark"]

_LETTER = r"A-Za-z_\x80-\U0010ffff"
_TAG = rf"(?:[{_LETTER}][{_LETTER}0-9]*)"
_TOKEN = re.compile(
    rf"""
      (?P<blank>[ \t\n\r\f\v]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<string>[eE]'(?:[^'\\]|\\.|'')*' | [xXbB]?'(?:[^']|'')*' | \$(?P<tag>{_TAG}?)\$.*?\$(?P=tag)\$)
    | (?P<quoted>"(?:[^"]|"")*" | `(?:[^`]|``)*`)
    | (?P<number>\.?[0-9](?:[eE][+-][0-9]|[{_LETTER}0-9.])*)
    | (?P<word>[{_LETTER}][{_LETTER}0-9$]*)
    | (?P<operator>::|:=|(?:(?!--|/\*)[-+*/<>=~!@\#%^&|])+)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
# An operator ends in + or - only when it has one of these: `a=-1` is `a = -1`, but `a!=-1` has an operator `!=-`.
_LETS_SIGNS_END = frozenset("~!@#%^&|")


class Token(NamedTuple):
    """One token as it is written."""

    kind: Kind
    text: str


class NotSQL(ValueError):
    """Text that has no tokens: a string, name or comment that is not closed."""


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of `sql`, without blanks and comments; raises NotSQL where a string, name or comment stays open.

    >>> [token.text for token in tokens("select 'a b', x>=-1 -- why")]
    ['select', "'a b'", ',', 'x', '>=', '-', '1']
    """
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        assert found is not None  # noqa: S101 - the last alternative takes any character
        position = found.end()
        kind, text = found.lastgroup, found.group()
        if kind == "comment":
            position = _end_of_comment(sql, found.start())
        elif (kind == "mark" and text in "'\"`") or (text in ("e", "E") and sql.startswith("'", position)):
            raise NotSQL(f"{text} at position {found.start()} is not closed")
        elif kind == "operator":
            text = _operator(text)
            position = found.start() + len(text)
            yield Token("operator", text)
        elif kind != "blank":
            yield Token("string" if kind == "tag" else kind, text)  # type: ignore[arg-type]  # a group's name


def _operator(run: str) -> str:
    if _LETS_SIGNS_END.isdisjoint(run):
        while len(run) > 1 and run[-1] in "+-":
            run = run[:-1]
    return run


def _end_of_comment(sql: str, start: int) -> int:
    """Comments nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    raise NotSQL(f"the comment at position {start} is not closed")
