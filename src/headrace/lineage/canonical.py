"""One text for one meaning: JSON values and SQL statements in canonical form, and their hashes."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any


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
    """A DuckDB statement without comments, case of keywords and layout; as it is when it has no tokens.

    Its tokens, not its syntax tree: the parser takes some statements of different meaning for the same, such as
    `a ~ 'x'` (all of a matches) and `regexp_matches(a, 'x')` (a part does).

    >>> canonical_sql("SELECT sum( a )  -- the first") == canonical_sql("select SUM(a)")
    True
    >>> canonical_sql("select 'A'") == canonical_sql("select 'a'")
    False
    """
    from sqlglot.errors import SqlglotError
    from sqlglot.tokens import Token, TokenType

    def text(token: Token, following: Token | None) -> list[str]:
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER, TokenType.NUMBER):
            return [token.token_type.name, token.text]
        called = following is not None and following.token_type is TokenType.L_PAREN
        named = token.token_type is TokenType.VAR and not called  # its case may be that of a column of the result
        return [token.token_type.name, token.text if named else token.text.upper()]

    from sqlglot import tokenize

    try:
        tokens = tokenize(sql, dialect="duckdb")
    except SqlglotError:
        return sql
    return canonical_json([text(*pair) for pair in zip(tokens, [*tokens[1:], None], strict=True)])
