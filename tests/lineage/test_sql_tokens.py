"""Tokens end where DuckDB's own scanner ends them."""

from __future__ import annotations

import pytest

from headrace.lineage.sql_tokens import NotSQL, tokens


def texts(sql: str) -> list[str]:
    return [token.text for token in tokens(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a=-1", ["a", "=", "-", "1"]),
        ("a!=-1", ["a", "!=-", "1"]),
        ("a! = 1", ["a", "!", "=", "1"]),
        ("a--b\nc", ["a", "c"]),
        ("a--b\rc", ["a", "c"]),
        ("a*/* b */c", ["a", "*", "c"]),
        ("a /* b /* c */ d */ e", ["a", "e"]),
        ("a::int", ["a", "::", "int"]),
        ("f(x:=1)", ["f", "(", "x", ":=", "1", ")"]),
        ("a->>'b'", ["a", "->>", "'b'"]),
        ("l[1:2]", ["l", "[", "1", ":", "2", "]"]),
        ("1.5e-3+.5", ["1.5e-3", "+", ".5"]),
        ("'it''s'", ["'it''s'"]),
        (r"e'it\'s' 'b\'", [r"e'it\'s'", r"'b\'"]),
        ("$$a$b$$ $t$c$$d$t$", ["$$a$b$$", "$t$c$$d$t$"]),
        ('"a""b" `c d`', ['"a""b"', "`c d`"]),
        ("größe", ["größe"]),
        ("a -- 'b", ["a"]),
        ("", []),
    ],
)
def test_tokens(sql, expected):
    assert texts(sql) == expected


@pytest.mark.parametrize("sql", ["'a", '"a', "`a", "a /* b", "a /* b /* c */", "e'\\'"])
def test_what_stays_open_is_no_sql(sql):
    with pytest.raises(NotSQL, match="is not closed"):
        texts(sql)
