"""One text for one meaning: JSON values and SQL statements in canonical form, and their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from headrace.lineage.sql_tokens import NotSQL, Token, tokens

# DuckDB's keywords that are never a name unless quoted, after AS, after a dot or before := (its duckdb_keywords()
# calls them reserved or type_function).
_RESERVED_WORDS = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast check
    collate collation column concurrently constraint create cross default deferrable desc describe distinct do else end
    except false fetch for foreign freeze from full generated glob group having ilike in initially inner intersect into
    is isnull join lambda lateral leading left like limit natural not notnull null offset on only or order outer
    overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning right select semi
    show similar some summarize symmetric table tablesample then to trailing true union unique unpivot using variadic
    verbose when where window with
"""
# Types that DuckDB's grammar knows, so that no result shows the case they were written in.
_TYPE_WORDS = """
    bigint bit boolean char character dec decimal float int integer interval numeric real smallint time timestamp
    varchar
"""
RESERVED = frozenset(_RESERVED_WORDS.split())
_TYPES = frozenset(_TYPE_WORDS.split())
_ENDS_OPERAND = frozenset({"end", "null", "true", "false"})
_SAME = {"!=": "<>", "==": "="}


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no blanks; refuses what JSON cannot hold."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """32 hex digits that identify a JSON value.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.blake2b(canonical_json(value).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)
def canonical_sql(sql: str) -> str:
    """A DuckDB statement on one line, without comments, layout, case of keywords and functions, last semicolon.

    Its tokens, not its syntax tree, on purpose. The parsers at hand take statements of different meaning for the same:
    sqlglot `a ~ 'x'` (all of a matches) and `regexp_matches(a, 'x')` (a part does); DuckDB's own `json_serialize_sql`
    an unaliased `Upper(a)` and `upper(a)`, and it needs DuckDB. Both change with their versions, which would rebuild
    everything, and cost 0.1 s to import. DuckDB's rules for tokens are small and old. So a redundant AS, parentheses
    or the order of conditions count as edits; a quoted or plain name keeps its case, for it may become the name of
    a column. Text that has no tokens stands for itself.

    >>> canonical_sql("SELECT Sum( a )  -- the first\\n FROM t;")
    'select sum ( a ) from t'
    >>> canonical_sql("select 'A'") == canonical_sql("select 'a'")
    False
    """
    try:
        found = list(tokens(sql))
    except NotSQL:
        return sql
    while found and found[-1].text == ";":
        found.pop()
    return " ".join(_folded(found))


def _folded(found: list[Token]) -> Iterator[str]:
    """The texts of tokens, in lower case where the case means nothing and no result can show it."""
    around = _Around(found)
    for place, token in enumerate(found):
        kind, text = token
        if kind == "mark":
            around.pass_mark(place, text)
        elif kind == "operator":
            text = _SAME.get(text, text)
        elif kind == "word" and not text.islower() and around.means_no_name(place):
            text = text.lower()
        elif kind == "string" and place and found[place - 1].kind == "string":
            text = f"\n{text}"  # two lines' strings are one, two strings on a line are a mistake
        yield text


class _Around:
    """Where in a statement one is: what stands beside a token, and the word before each open parenthesis."""

    def __init__(self, found: list[Token]) -> None:
        # One more on either side, so that the neighbours of the token at `place` are at `place` and `place + 2`.
        self._texts = ["", *(text.lower() if kind == "word" else text for kind, text in found), "", ""]
        self._kinds = ["", *(kind for kind, _ in found), "", ""]
        self._open: list[str] = []

    def pass_mark(self, place: int, mark: str) -> None:
        if mark in "([{":
            before = self._texts[place]
            window = before == "as" and place >= 2 and self._texts[place - 2] == "window"
            self._open.append("over" if window else before)
        elif mark in ")]}" and self._open:
            self._open.pop()

    def means_no_name(self, place: int) -> bool:
        before, word, after = self._texts[place : place + 3]
        if before == "." or after in (":", ":="):
            return False
        if before == "as":
            return word in _TYPES and bool(self._open) and self._open[-1] in ("cast", "try_cast")
        if after == "(" or word in RESERVED:
            return True
        if before == "::":
            return word in _TYPES
        if self._open and self._open[-1] == "over":
            return self._is_frame(place, before, word, after) or self._is_clause(place, before, word, after)
        return self._is_clause(place, before, word, after)

    def _is_frame(self, place: int, before: str, word: str, after: str) -> bool:
        if word in ("rows", "range", "groups"):
            return after in ("between", "unbounded", "current", "interval") or self._kinds[place + 2] == "number"
        if word in ("preceding", "following"):
            return after in ("and", "exclude", ")") and self._ends_operand(place)
        pairs = {"partition": ("by",), "unbounded": ("preceding", "following"), "current": ("row",)}
        pairs |= {"exclude": ("current", "group", "no", "ties"), "no": ("others",)}
        followers = {"row": ("current",), "ties": ("exclude",), "others": ("no",)}
        return after in pairs.get(word, ()) or before in followers.get(word, ())

    def _is_clause(self, place: int, before: str, word: str, after: str) -> bool:
        """Words that could be names elsewhere, where the words beside them leave no choice."""
        if word == "over":
            return before == ")" and self._kinds[place + 2] == "word"
        if word == "between":
            return (self._ends_operand(place) or before == "not") and self._starts_operand(place + 2)
        if word == "interval":
            return self._kinds[place + 2] in ("number", "string")
        if word == "nulls":
            return after in ("first", "last") and (before in ("asc", "desc") or self._ends_operand(place))
        if word in ("first", "last"):
            return before == "nulls" and (self._texts[place - 1] in ("asc", "desc") or self._ends_operand(place - 1))
        return word == "recursive" and before == "with"

    def _ends_operand(self, place: int) -> bool:
        text, kind = self._texts[place], self._kinds[place]
        if kind == "word":
            return text not in RESERVED or text in _ENDS_OPERAND
        return kind in ("quoted", "string", "number") or text in (")", "]", "}")

    def _starts_operand(self, place: int) -> bool:
        text, kind = self._texts[place], self._kinds[place]
        if kind == "word":
            return text not in RESERVED or text in ("case", "cast", "try_cast", "null", "true", "false", "not")
        return kind in ("quoted", "string", "number") or text in ("(", "-", "+")
