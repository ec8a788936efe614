"""One text for one meaning: JSON values and SQL statements in canonical form, and their hashes."""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any

# Words that DuckDB reserves, so that they are never the name of a column unless quoted or after `as`.
_KEYWORD = re.compile(
    r"ALL|AND|ANTI|ANY|AS|ASC|ASOF|BETWEEN|BY|CASE|CAST|CROSS|DESC|DISTINCT|ELSE|END|EXCEPT|EXISTS|FALSE|FROM|FULL|GROUP"
    r"|HAVING|IN|INNER|INTERSECT|IS|JOIN|LATERAL|LEFT|LIKE|LIMIT|NATURAL|NOT|NULL|OFFSET|ON|OR|ORDER|OUTER|OVER"
    r"|PARTITION|POSITIONAL|QUALIFY|RIGHT|SELECT|SEMI|SOME|THEN|TRUE|UNION|USING|WHEN|WHERE|WINDOW|WITH",
    re.IGNORECASE,
)


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
    from sqlglot import tokenize
    from sqlglot.errors import SqlglotError

    try:
        tokens = [(token.token_type.name, token.text) for token in tokenize(sql, dialect="duckdb")]
    except SqlglotError:
        return sql
    kinds = ["", *(kind for kind, _ in tokens), ""]
    around = zip(kinds[:-2], tokens, kinds[2:], strict=True)
    return canonical_json([[kind, _fold(kind, text, before, after)] for before, (kind, text), after in around])


def _fold(kind: str, text: str, before: str, after: str) -> str:
    """Text whose case means nothing in upper case; that of a name may be the case of a column of the result."""
    if before in ("ALIAS", "DOT") or kind.endswith(("STRING", "IDENTIFIER")):
        return text
    return text.upper() if after == "L_PAREN" or _KEYWORD.fullmatch(text) else text
