"""Which names a definition reads from outside, as Python itself sees it."""

from __future__ import annotations

import ast
import symtable

import pytest

from headrace.lineage.scopes import Use, body_uses, header_uses

PROGRAMS = [
    "def f(x): return x + y",
    "def f(x): return [x for x in y if z(x)]",
    "def f():\n return {a: b for a, b in c for d in a}",
    "def f():\n print(last)\n return any((last := x) for x in y)",
    "def f():\n for i, (j, *k) in a: pass\n else: b\n return i, j, k",
    "def f():\n try: a\n except (B, C) as e: return e\n finally: d",
    "def f():\n with a as b, c() as (d, e): return b, d, e",
    "def f(x):\n match x:\n  case P(q=a, r=[b, *c]): return a, b, c\n  case m.N | None: return g",
    "def f(x):\n match x:\n  case {'k': d, **e}: return d, e\n  case [h] as i: return h, i",
    "def f():\n global a\n a += 1\n return a",
    "def f():\n a = 1\n def g():\n  nonlocal a\n  a = b\n return g",
    "def f():\n def g(a, *b, c=d, **e): return a, b, c, e, h\n return g",
    "def f(): return lambda a, b=c: a + b + d",
    "def f():\n class C(B, metaclass=M):\n  x = y\n  def g(self): return C, x\n return C",
    "async def f():\n async for a in b: yield await c\n async with d as e: return",
    "def f():\n x = y\n del x",
    "def f(x):\n x.y = a\n x[b] = c\n x.z += d",
    "def f(): return f'{a!r:>{b}}' + f(c)",
    "lambda x: (lambda y: x + y + z)(x)",
    "def f():\n a: B = c\n return a",
]  # fmt: skip


@pytest.mark.parametrize("source", PROGRAMS)
def test_agrees_with_the_symbol_table(source):
    """On functions; names of a class's body are over-counted, see below."""
    node = ast.parse(source).body[0]
    node = node.value if isinstance(node, ast.Expr) else node
    for one in ast.walk(node):
        if isinstance(one, ast.AnnAssign):
            one.annotation = ast.Constant(0)
    found = {use.name for use in body_uses(node)}
    table = symtable.symtable(ast.unparse(node), "", "exec")
    assert found == {name for child in table.get_children() for name in outside(child)}


def outside(table: symtable.SymbolTable) -> set[str]:
    own = {
        one.get_name() for one in table.get_symbols() if one.is_global() and (one.is_referenced() or one.is_assigned())
    }
    # What a class's body binds and reads counts as read: it may be read first.
    if table.get_type() == "class":
        own |= {one.get_name() for one in table.get_symbols() if one.is_referenced()}
    return own.union(*[outside(child) for child in table.get_children()])


def test_attributes_are_told_along():
    node = ast.parse("def f(x): return a.b.c(x).d + x.e + a").body[0]
    assert body_uses(node) == [Use("a", ("b", "c")), Use("a")]


def test_a_local_import_binds_nothing():
    node = ast.parse("def f():\n import a.b\n from c import d as e\n return a.b, e").body[0]
    assert body_uses(node) == [Use("a", ("b",)), Use("e")]


def test_decorators_are_apart():
    node = ast.parse("@a.b(c)\ndef f(x=d): return e").body[0]
    assert header_uses(node) == [Use("a", ("b",)), Use("c")]
    assert body_uses(node) == [Use("e")]
