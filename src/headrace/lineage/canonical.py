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
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)
def canonical_sql(sql: str) -> str:
    """A DuckDB statement without comments, case of keywords and layout; as it is when it cannot be parsed.

    >>> canonical_sql("SELECT a  -- the first") == canonical_sql("select a")
    True
    """
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        return str(sqlglot.parse_one(sql, dialect="duckdb").sql(dialect="duckdb", comments=False))
    except SqlglotError:
        return sql
