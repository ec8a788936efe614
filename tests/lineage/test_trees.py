"""A tree's text is the same on every Python and for every way to write the same."""

from __future__ import annotations

import ast

import pytest

from headrace.lineage.trees import dump, hash_of, without_words


def test_what_older_trees_lack_changes_nothing():
    older = ast.parse("def f(x): return x")
    newer = ast.parse("def f(x): return x")
    newer.body[0].type_params = []
    newer.body[0].type_comment = None
    older.body[0].__dict__.pop("type_params", None)
    assert dump(older) == dump(newer)


def test_parameters_of_types_count():
    plain, typed = ast.parse("def f(x): return x"), ast.parse("def f(x): return x")
    typed.body[0].type_params = [ast.Name("T", ast.Load())]
    typed.body[0]._fields = (*ast.FunctionDef._fields, "type_params")
    assert dump(plain) != dump(typed)


def test_pieces_of_a_text_in_an_f_string_are_one():
    x = ast.FormattedValue(ast.Name("x", ast.Load()), -1, None)
    cut = ast.JoinedStr([ast.Constant("a"), ast.Constant(""), ast.Constant("b"), x, ast.Constant("")])
    assert dump(cut) == dump(ast.JoinedStr([ast.Constant("ab"), x]))


def test_hashes_are_pinned():
    """A change of this hash rebuilds everything that Python computes, in every project."""
    source = "def f(x, *a, k: int = 1, **b) -> int:\n    'Doc.'\n    return [f'{x!r:>{k}}' for y in a if y is not None]"
    tree = without_words(ast.parse(source).body[0], lambda _: False)
    assert hash_of(tree) == "8bc9fbbdd8c8ed473a46d7b13764b438"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1", "True"),
        ("'1'", "1"),
        ("b'a'", "'a'"),
        ("None", "'None'"),
        ("(1,)", "[1]"),
        ("{**a, 'b': 1}", "{None: a, 'b': 1}"),
        ("a.b", "a['b']"),
        ("f(*a)", "f(a)"),
        ("x[1:]", "x[:1]"),
        ("f'{x}'", "f'{x!r}'"),
        ("f'{x}a'", "f'{x}' 'b'"),
        ("lambda *, a: a", "lambda a: a"),
        ("lambda a, /: a", "lambda a: a"),
        ("lambda *, a=1, b: a", "lambda *, a, b=1: a"),
        ("-1 ** 2", "(-1) ** 2"),
        ("not a == b", "(not a) == b"),
    ],
)
def test_other_meanings_have_other_texts(one, other):
    assert dump(ast.parse(one)) != dump(ast.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n 'doc'\n return x", "def f(x):\n return x"),
        ("def f(x: int) -> str: return x", "def f(x): return x"),
        ("def f():\n x: int = 1\n return x", "def f():\n x = 1\n return x"),
        ("class C:\n 'doc'\n x: int = 1\n 'x'\n def f(self) -> int: pass", "class C:\n x: int = 1\n def f(self): ..."),
        ("async def f():\n 'doc'", "async def f():\n pass"),
    ],
)
def test_words_for_people_are_left_out(one, other):
    assert hash_of(*plain(one)) == hash_of(*plain(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("class C:\n x: int = 1", "class C:\n x: str = 1"),
        ("@register\ndef f(x: int): return x", "@register\ndef f(x: str): return x"),
    ],
)
def test_annotations_that_are_data_stay(one, other):
    assert hash_of(*plain(one)) != hash_of(*plain(other))


def plain(source: str) -> list[ast.AST]:
    return [without_words(node, lambda _: True) for node in ast.parse(source).body]
