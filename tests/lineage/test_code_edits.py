"""Edits as people make them: each changes what it touches, and what only looks different changes nothing."""

# ruff: noqa: E501 - a program a line reads as a table

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap

import polars as pl
import pytest

from headrace.errors import DeclarationError
from headrace.lineage.code import code_parts

OTHER = """
import functools
from dataclasses import dataclass

def scale(x, factor=2):
    return twice(x) * factor

def twice(x):
    return x + x

class Base:
    def shift(self, x):
        return x + 1
"""


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """The parts of `view` in a module of this text, beside a module `other`."""
    made = 0

    def load(text: str, other: str = OTHER) -> dict[str, str]:
        nonlocal made
        made += 1
        folder = tmp_path / str(made) / "shop"
        folder.mkdir(parents=True)
        for name, content in (("__init__", ""), ("views", text), ("other", other)):
            (folder / f"{name}.py").write_text(textwrap.dedent(content))
        forget()
        monkeypatch.syspath_prepend(folder.parent)
        return code_parts("here", importlib.import_module("shop.views").view)

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
            del sys.modules[name]

    yield load
    forget()


CHANGES = {
    # name: (module, before, after, the parts that change, without "code shop.")
    "number": ("RATE = 1\ndef view(df): return df * RATE", "RATE = 1", "RATE = 1.0", "views:view.RATE"),
    "bool": ("RATE = 1\ndef view(df): return df * RATE", "RATE = 1", "RATE = True", "views:view.RATE"),
    "negative zero": ("RATE = 0.0\ndef view(df): return df * RATE", "0.0", "-0.0", "views:view.RATE"),
    "dict": ("KINDS = {'a': {'b': [1]}}\ndef view(df): return KINDS", "[1]", "[2]", "views:view.KINDS"),
    "order of a dict": ("KINDS = {'a': 1, 'b': 2}\ndef view(df): return KINDS", "'a': 1, 'b': 2", "'b': 2, 'a': 1", "views:view.KINDS"),
    "tuple for list": ("PAIR = (1, 2)\ndef view(df): return PAIR", "(1, 2)", "[1, 2]", "views:view.PAIR"),
    "comma": ("PAIR = ['a, b']\ndef view(df): return PAIR", "'a, b'", "'a', 'b'", "views:view.PAIR"),
    "set": ("KEPT = {'a', 'b'}\ndef view(df): return KEPT", "'b'", "'c'", "views:view.KEPT"),
    "bytes": ("HEAD = b'a'\ndef view(df): return HEAD", "b'a'", "'a'", "views:view.HEAD"),
    "path": ("from pathlib import Path\nP = Path('a')\ndef view(df): return P", "'a'", "'b'", "views:view.P"),
    "decimal": ("from decimal import Decimal\nD = Decimal('1.0')\ndef view(df): return D", "'1.0'", "'1.00'", "views:view.D"),
    "fraction": ("from fractions import Fraction\nF = Fraction(1, 3)\ndef view(df): return F", "3)", "4)", "views:view.F"),
    "moment": ("import datetime as dt\nT = dt.datetime(2020, 1, 1, fold=0)\ndef view(df): return T", "fold=0", "fold=1", "views:view.T"),
    "time zone": ("import datetime as dt\nT = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)\ndef view(df): return T", "dt.timezone.utc", "None", "views:view.T"),
    "numpy scalar": ("import numpy as np\nN = np.float32(1)\ndef view(df): return N", "float32", "float64", "views:view.N"),
    "numpy array": ("import numpy as np\nA = np.arange(9999)\nA[5000] = 1\ndef view(df): return A", "= 1", "= 2", "views:view.A"),
    "array's type": ("import numpy as np\nA = np.array([1], 'i4')\ndef view(df): return A", "'i4'", "'u4'", "views:view.A"),
    "objects of an array": ("import numpy as np\nA = np.array([{'a': 1}], object)\ndef view(df): return A", "1}", "2}", "views:view.A"),
    "regex flags": ("import re\nR = re.compile('a')\ndef view(df): return R", "'a'", "'a', re.I", "views:view.R"),
    "method of a regex": ("import re\nclean = re.compile('a').sub\ndef view(df): return clean('', df)", "'a'", "'b'", "views:view.clean"),
    "method of a text": ("join = ','.join\ndef view(df): return join(df)", "','", "';'", "views:view.join"),
    "polars type": ("import polars as pl\nT = pl.Datetime('us')\ndef view(df): return T", "'us'", "'ms'", "views:view.T"),
    "polars type class": ("import polars as pl\nT = pl.Int64\ndef view(df): return T", "Int64", "Int32", "views:view.T"),
    "polars schema": ("import polars as pl\nT = pl.Schema({'a': pl.Int64})\ndef view(df): return T", "Int64", "Int32", "views:view.T"),
    "polars condition": ("import polars as pl\nE = pl.when(pl.col('a') > 1).then(2)\ndef view(df): return E", "> 1", "> 2", "views:view.E"),
    "polars selector": ("import polars.selectors as cs\nE = cs.starts_with('a')\ndef view(df): return E", "'a'", "'b'", "views:view.E"),
    "scikit-learn": ("from sklearn.linear_model import Ridge\nM = Ridge(alpha=1)\ndef view(df): return M", "=1", "=2", "views:view.M"),
    "attribute getter": ("from operator import itemgetter\nget = itemgetter(1)\ndef view(df): return get(df)", "1)", "2)", "views:view.get"),
    "default of a dict": ("from collections import defaultdict\nD = defaultdict(int, a=1)\ndef view(df): return D", "int", "float", "views:view.D"),
    "default": ("def view(df, k=1): return k", "k=1", "k=2", "views:view views:view.k="),
    "keyword default": ("K = 1\ndef view(df, *, k=K): return k", "K = 1", "K = 2", "views:view.k="),
    "lambda as default": ("def view(df, f=lambda x: x + 1): return f(df)", "x + 1", "x + 2", "views:view views:<lambda>"),
    "first of two lambdas": ("a, b = lambda x: x + 1, lambda x: x * 1\ndef view(df): return a(df)", "+ 1", "+ 2", "views:<lambda>"),
    "lambda in a dict": ("H = {'a': lambda x: x + 1}\ndef view(df): return H", "+ 1", "+ 2", "views:<lambda>"),
    "lambda in a lambda": ("f = lambda x: (lambda y: y + 1)(x)\ndef view(df): return f(df)", "+ 1", "+ 2", "views:<lambda>"),
    "closure": ("def make(k):\n    def inner(x): return x * k\n    return inner\nf = make(1)\ndef view(df): return f(df)", "make(1)", "make(2)", "views:make.<locals>.inner.k"),
    "lambda's closure": ("def make(k): return lambda x: x * k\nf = make(1)\ndef view(df): return f(df)", "make(1)", "make(2)", "views:make.<locals>.<lambda>.k"),
    "decorator": ("def deco(f):\n    def inner(df): return f(df) + 1\n    return inner\n@deco\ndef view(df): return df", "+ 1", "+ 2", "views:deco views:deco.<locals>.inner"),
    "decorator's argument": ("def deco(k):\n    def wrap(f):\n        return lambda df: f(df) * k\n    return wrap\n@deco(1)\ndef view(df): return df", "@deco(1)", "@deco(2)", "views:view views:deco.<locals>.wrap.<locals>.<lambda>.k"),
    "partial": ("from functools import partial\ndef f(x, k): return x\nhalf = partial(f, k=1)\ndef view(df): return half(df)", "k=1", "k=2", "views:view.half"),
    "partial's function": ("from functools import partial\ndef f(x, k): return x\nhalf = partial(f, k=1)\ndef view(df): return half(df)", "return x", "return -x", "views:f"),
    "method": ("class C:\n    def m(self, x): return x + 1\ndef view(df): return C().m(df)", "+ 1", "+ 2", "views:C"),
    "class attribute": ("class C:\n    k = 1\ndef view(df): return C.k", "k = 1", "k = 2", "views:C views:C.k"),
    "class attribute by name": ("K = 1\nclass C:\n    k = K\ndef view(df): return C.k", "K = 1", "K = 2", "views:C.K views:C.k"),
    "vectorized": ("import numpy as np\n@np.vectorize\ndef g(x): return x + 1\ndef view(df): return g(df)", "+ 1", "+ 2", "views:g"),
    "class decorator": ("def add(c):\n    c.m = lambda self: 1\n    return c\n@add\nclass C: pass\ndef view(df): return C().m()", "self: 1", "self: 2", "views:add"),
    "subclass hook": ("class B:\n    def __init_subclass__(cls): cls.k = 1\nclass C(B): pass\ndef view(df): return C.k", "= 1", "= 2", "views:B views:C.k"),
    "default factory": ("from dataclasses import dataclass, field\ndef make(): return 1\n@dataclass\nclass C:\n    a: int = field(default_factory=make)\ndef view(df): return C()", "return 1", "return 2", "views:make"),
    "bound class method": ("class C:\n    @classmethod\n    def of(cls, x): return x + 1\nof = C.of\ndef view(df): return of(df)", "+ 1", "+ 2", "views:C views:C.of"),
    "instance in a list": ("class C:\n    def __init__(self, k): self.k = k\nSTEPS = [C(1), C(2)]\ndef view(df): return STEPS", "C(2)", "C(3)", "views:view.STEPS"),
    "instance holding a function": ("class C:\n    def __init__(self, f): self.f = f\ndef g(x): return x + 1\nV = C(g)\ndef view(df): return V.f(df)", "+ 1", "+ 2", "views:g"),
    "wrapper without wraps": ("def deco(f):\n    def inner(df): return f(df)\n    return inner\n@deco\ndef g(x): return x + 1\ndef view(df): return g(df)", "+ 1", "+ 2", "views:g"),
    "exit stack": ("import contextlib\n@contextlib.asynccontextmanager\nasync def c():\n    yield 1\ndef view(df): return c()", "yield 1", "yield 2", "views:c"),
    "single dispatch method": ("from functools import singledispatchmethod\nclass C:\n    @singledispatchmethod\n    def m(self, x): return 0\n    @m.register\n    def _(self, x: int): return 1\ndef view(df): return C().m(df)", "x: int", "x: str", "views:C"),
    "loop's else": ("def view(df):\n    for x in df: pass\n    else: return 1\n    return 2", "else: return 1\n    return 2", "return 1\n    return 2", "views:view"),
    "comparison": ("def view(df): return df < 1 < 2", "df < 1 < 2", "(df < 1) < 2", "views:view"),
    "is and equals": ("def view(df): return df is None", "is None", "== None", "views:view"),
    "descriptor": ("class D:\n    def __init__(self, k): self.k = k\n    def __get__(self, o, t=None): return self.k\nHELD = [D(1)]\ndef view(df): return HELD", "D(1)", "D(2)", "views:view.HELD"),
    "partial method": ("from functools import partialmethod\nHELD = [partialmethod(print, 1)]\ndef view(df): return HELD", "1)", "2)", "views:view.HELD"),
    "universal function": ("import numpy as np\nf = np.add\ndef view(df): return f(df, 1)", "np.add", "np.subtract", "views:view.f"),
    "long enum": ("import polars as pl\nT = pl.Enum([str(i) for i in range(99)])\nT = pl.Enum(T.categories.to_list() + ['a'])\ndef view(df): return T", "['a']", "['b']", "views:view.T"),
    "long struct": ("import polars as pl\nT = pl.Struct({str(i): pl.Int64 for i in range(99)} | {'50': pl.Int64})\ndef view(df): return T", "'50': pl.Int64", "'50': pl.Int32", "views:view.T"),
    "long series": ("import polars as pl\nS = pl.Series(range(999)).set(pl.Series(range(999)) == 500, 1)\ndef view(df): return S", "500, 1", "500, 2", "views:view.S"),
    "default of none": ("def view(df):\n    return {**df, 'a': 1}", "{**df, 'a': 1}", "{'a': 1, **df}", "views:view"),
    "keyword-only": ("def g(a, *, b=1): return b\ndef view(df): return g(df)", "*, b", "b", "views:g"),
    "starred": ("def g(*a): return a\ndef view(df): return g(*df)", "g(*df)", "g(df)", "views:view"),
    "await": ("async def view(df): return await df", "await df", "df", "views:view"),
    "yield from": ("def view(df): yield from df", "yield from df", "yield df", "views:view"),
    "slice": ("def view(df): return df[1:]", "[1:]", "[:1]", "views:view"),
    "except star": ("def view(df):\n    try: return df\n    except* ValueError: pass", "except*", "except", "views:view"),
    "field's order": ("from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int = 1\n    b: int = 1\ndef view(df): return C(df)", "a: int = 1\n    b", "b: int = 1\n    a", "views:C"),
    "field's type": ("from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int\ndef view(df): return C(df)", "a: int", "a: str", "views:C"),
    "frozen value": ("from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    a: int\nV = C(1)\ndef view(df): return V", "C(1)", "C(2)", "views:view.V"),
    "slots": ("from dataclasses import dataclass\n@dataclass(slots=True)\nclass C:\n    a: int\nV = C(1)\ndef view(df): return V", "C(1)", "C(2)", "views:view.V"),
    "old slots": ("class C:\n    __slots__ = ('__a',)\n    def __init__(self, a): self.__a = a\nV = C(1)\ndef view(df): return V", "C(1)", "C(2)", "views:view.V"),
    "instance's attribute": ("class C:\n    def __init__(self, a): self.a = a\nV = C([1])\ndef view(df): return V", "[1]", "[2]", "views:view.V"),
    "instance's class": ("class C:\n    def __call__(self, x): return x + 1\nv = C()\ndef view(df): return v(df)", "+ 1", "+ 2", "views:C"),
    "instance's method": ("class C:\n    def m(self, x): return x + 1\nv = C()\ndef view(df): return v.m(df)", "+ 1", "+ 2", "views:C"),
    "bound method": ("class C:\n    def __init__(self, a): self.a = a\n    def m(self, x): return x + self.a\nm = C(1).m\ndef view(df): return m(df)", "C(1)", "C(2)", "views:view.m"),
    "own dict": ("class C(dict):\n    pass\nV = C(a=1)\ndef view(df): return V", "a=1", "a=2", "views:view.V"),
    "own list": ("class C(list):\n    pass\nV = C([1])\ndef view(df): return V", "[1]", "[2]", "views:view.V"),
    "own number": ("class C(float):\n    pass\nV = C(1)\ndef view(df): return V", "C(1)", "C(2)", "views:view.V"),
    "own set": ("class C(set):\n    pass\nV = C([1])\ndef view(df): return V", "[1]", "[2]", "views:view.V"),
    "enum member": ("from enum import Enum\nclass C(Enum):\n    A = 1\n    B = 2\nV = C.A\ndef view(df): return V", "C.A", "C.B", "views:view.V"),
    "enum's method": ("from enum import Enum\nclass C(Enum):\n    A = 1\n    def m(self): return 1\nV = C.A\ndef view(df): return V.m()", "return 1", "return 2", "views:C"),
    "functional enum": ("from enum import Enum\nC = Enum('C', 'A B')\ndef view(df): return C.A", "A B", "B A", "views:C"),
    "named tuple": ("from collections import namedtuple\nC = namedtuple('C', 'a b')\ndef view(df): return C(1, 2)", "a b", "b a", "views:C"),
    "typed named tuple": ("from typing import NamedTuple\nclass C(NamedTuple):\n    a: int = 1\ndef view(df): return C()", "= 1", "= 2", "views:C"),
    "type()": ("def m(self): return 1\nC = type('C', (), {'m': m, 'k': 3})\ndef view(df): return C().m()", "return 1", "return 2", "views:m"),
    "attribute of type()": ("C = type('C', (), {'k': 3})\ndef view(df): return C().k", "3", "4", "views:C"),
    "property": ("class C:\n    @property\n    def p(self): return 1\ndef view(df): return C().p", "return 1", "return 2", "views:C"),
    "cached property": ("from functools import cached_property\nclass C:\n    @cached_property\n    def p(self): return 1\nv = C()\ndef view(df): return v.p", "return 1", "return 2", "views:C"),
    "static method": ("class C:\n    @staticmethod\n    def s(x): return x + 1\ns = C.s\ndef view(df): return s(df)", "+ 1", "+ 2", "views:C.s"),
    "metaclass": ("class M(type):\n    def m(cls): return 1\nclass C(metaclass=M): pass\ndef view(df): return C.m()", "return 1", "return 2", "views:M"),
    "class in a function": ("def make(k):\n    class C:\n        def m(self): return k\n    return C\nC = make(1)\ndef view(df): return C().m()", "make(1)", "make(2)", "views:make.<locals>.C.k"),
    "subclasses": ("class B: pass\nclass C(B):\n    def m(self): return 1\ndef view(df): return [k().m() for k in B.__subclasses__()]", "return 1", "return 2", "views:C"),
    "registry": ("R = {}\ndef add(f):\n    R[f.__name__] = f\n    return f\n@add\ndef g(x): return x + 1\ndef view(df): return R['g'](df)", "+ 1", "+ 2", "views:g"),
    "list of functions": ("def g(x): return x + 1\nSTEPS = [g]\ndef view(df): return STEPS[0](df)", "+ 1", "+ 2", "views:g"),
    "match": ("def view(df):\n    match df:\n        case {'a': 1}: return 1\n        case _: return 2", "{'a': 1}", "{'a': 2}", "views:view"),
    "class in a match": ("class P:\n    __match_args__ = ('a',)\ndef view(df):\n    match df:\n        case P(a): return a", "('a',)", "('b',)", "views:P"),
    "async": ("async def g(x): return x + 1\ndef view(df): return g(df)", "+ 1", "+ 2", "views:g"),
    "async for await": ("async def g(x): return x\ndef view(df): return g(df)", "async def", "def", "views:g"),
    "nested function": ("K = 1\ndef view(df):\n    def inner():\n        return K\n    return inner()", "K = 1", "K = 2", "views:view.K"),
    "conditional definition": ("FAST = False\nif FAST:\n    def g(x): return x\nelse:\n    def g(x): return x + 1\ndef view(df): return g(df)", "+ 1", "+ 2", "views:g"),
    "conditional class": ("if False:\n    class C:\n        def m(self): return 0\nelse:\n    class C:\n        def m(self): return 1\ndef view(df): return C().m()", "return 1", "return 2", "views:C"),
    "redefinition": ("def g(x): return x\nkept = g\ndef g(x): return kept(x) + 1\ndef view(df): return g(df)", "x): return x\n", "x): return -x\n", "views:g#2"),
    "star import": ("from shop.other import *\ndef view(df): return scale(df)", "", "", "other:scale"),
    "renamed import": ("import shop.other as o\ndef view(df): return o.scale(df)", "", "", "other:scale"),
    "relative import": ("from . import other\ndef view(df): return other.scale(df)", "", "", "other:scale"),
    "relative import inside": ("def view(df):\n    from .other import scale\n    return scale(df)", "", "", "other:scale"),
    "import inside": ("def view(df):\n    import shop.other\n    return shop.other.scale(df)", "", "", "other:scale"),
    "package import": ("import shop.other\ndef view(df): return shop.other.scale(df)", "", "", "other:scale"),
    "module in a variable": ("import shop.other\nm = shop.other\ndef view(df):\n    h = m\n    return h.scale(df)", "", "", "other other:scale"),
    "getattr": ("from . import other\ndef view(df): return getattr(other, 'scale')(df)", "", "", "other:scale"),
    "getattr computed": ("from . import other\ndef view(df): return getattr(other, 'sc' + 'ale')(df)", "", "", "other other:scale"),
    "vars of a module": ("from . import other\ndef view(df): return vars(other)['scale'](df)", "", "", "other:scale"),
    "dict of a module": ("from . import other\ndef view(df, n): return other.__dict__[n](df)", "", "", "other other:scale"),
    "import_module": ("import importlib\ndef view(df): return importlib.import_module('shop.other').scale(df)", "", "", "other:scale"),
    "import_module relative": ("from importlib import import_module\ndef view(df): return import_module('.other', __package__).scale(df)", "", "", "other:scale"),
    "import function": ("def view(df): return __import__('shop.other').other.scale(df)", "", "", "other:scale"),
    "sys.modules": ("import sys\nimport shop.other\ndef view(df): return sys.modules['shop.other'].scale(df)", "", "", "other:scale"),
    "base elsewhere": ("from .other import Base\nclass C(Base): pass\ndef view(df): return C().shift(df)", "x + 1", "x + 2", "other:Base"),
    "globals": ("K = 1\ndef view(df): return globals()['K']", "K = 1", "K = 2", "views:view.K"),
    "globals get": ("K = 1\ndef view(df): return globals().get('K')", "K = 1", "K = 2", "views:view.K"),
    "globals computed": ("K = 1\ndef view(df, name): return globals()[name]", "K = 1", "K = 2", "views views.K"),
    "own module by name": ("import sys\nK = 1\ndef view(df, n): return getattr(sys.modules[__name__], n)", "K = 1", "K = 2", "views views.K"),
    "module's getattr": ("import sys\ndef __getattr__(name): return 1 if name == 'late' else None\ndef view(df): return sys.modules[__name__].late", "1 if", "2 if", "views:__getattr__ views:view.import shop.views.late"),
    "mutual recursion": ("def a(x): return b(x)\ndef b(x): return a(x) + 1\ndef view(df): return a(df)", "+ 1", "+ 2", "views:b"),
    "recursion of a decorated": ("import functools\n@functools.cache\ndef f(x): return f(x - 1) + 1\ndef view(df): return f(df)", "+ 1", "+ 2", "views:f"),
    "cached": ("import functools\n@functools.lru_cache(maxsize=None)\ndef f(x): return x + 1\ndef view(df): return f(df)", "x + 1", "x + 2", "views:f"),
    "context manager": ("from contextlib import contextmanager\n@contextmanager\ndef c():\n    yield 1\ndef view(df):\n    with c() as k: return k", "yield 1", "yield 2", "views:c"),
    "single dispatch": ("from functools import singledispatch\n@singledispatch\ndef f(x): return 0\n@f.register\ndef _(x: int): return 1\ndef view(df): return f(df)", "return 1", "return 2", "views:_"),
    "dispatched type": ("from functools import singledispatch\n@singledispatch\ndef f(x): return 0\n@f.register\ndef _(x: int): return 1\ndef view(df): return f(df)", "x: int", "x: str", "views:_ views:view.f"),
    "comprehension": ("K = [1]\ndef view(df): return [k for k in K]", "[1]", "[2]", "views:view.K"),
    "comprehension's inner": ("K = 1\ndef view(df): return [K for k in df]", "K = 1", "K = 2", "views:view.K"),
    "global": ("N = 1\ndef bump():\n    global N\n    N += 1\ndef view(df):\n    return bump(), N", "N = 1", "N = 2", "views:bump.N views:view.N"),
    "global by a name": ("K = 1\nN = K\ndef bump():\n    global N\n    N = 5\ndef view(df): return N", "K = 1", "K = 2", "views:view.N.K"),
    "f-string": ("K = 1\ndef view(df): return f'{df:>{K}}'", "K = 1", "K = 2", "views:view.K"),
    "f-string's text": ("def view(df): return f'a{df}b'", "b'", "c'", "views:view"),
    "function's attribute": ("def g(x): return x\ng.k = 1\ndef view(df): return g.k", "g.k = 1", "g.k = 2", "views:view.g.k"),
    "dunder constant": ("__rate__ = 1\ndef view(df): return __rate__", "= 1", "= 2", "views:view.__rate__"),
    "walrus": ("K = 1\ndef view(df): return (k := K) + k", "K = 1", "K = 2", "views:view.K"),
    "docstring as data": ("def g(x):\n    'one'\n    return x\ndef view(df): return g.__doc__", "'one'", "'two'", "views:docstrings and annotations"),
    "annotation as data": ("def g(x: int): return x\ndef view(df): return g.__annotations__", "int", "str", "views:docstrings and annotations"),
    "eager or lazy": ("import polars as pl\ndef view(df: pl.DataFrame): return df", "DataFrame", "LazyFrame", "views:view.frames"),
    "frame in SQL": ("import polars as pl\nT = pl.DataFrame({'a': [1]})\ndef view(df): return pl.sql('select * from T').collect()", "[1]", "[2]", "views:view.T"),
    "two of a name": ("import shop.other as a\nfrom . import views as b\ndef scale(x): return x\ndef view(df): return a.scale(df), b.scale(df)", "import shop.other as a\nfrom . import views as b", "import shop.other as b\nfrom . import views as a", "views:view"),
    "assert": ("K = 1\ndef view(df):\n    assert df > K\n    return df", "K = 1", "K = 2", "views:view.K"),
    "logger": ("import logging\nlog = logging.getLogger('a')\ndef view(df): return log.info(df)", "'a'", "'b'", "views:view.log"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_where_it_is(parts, name):
    text, before, after, expected = CHANGES[name]
    first = parts(text)
    if before and before in text:
        second = parts(text.replace(before, after, 1))
    else:
        second = parts(text, OTHER.replace(before or "twice(x) * factor", after or "twice(x) + factor", 1))
    changed = {key for key in {*first, *second} if first.get(key) != second.get(key)}
    assert {key.removeprefix("code ").removeprefix("shop.") for key in changed} == split(expected)


def split(expected: str) -> set[str]:
    """Names apart by blanks; some have blanks themselves."""
    for name in ("views:docstrings and annotations", "views:view.import shop.views.late"):
        if expected.endswith(name):
            return {*expected.removesuffix(name).split(), name}
    return set(expected.split())


def test_own_methods_of_expressions_count_where_they_are_used(parts, monkeypatch):
    text = "import polars as pl\ndef half(e): return e / 2\npl.Expr.halved = half\ndef view(df): return pl.col('a').halved()"
    monkeypatch.setattr(pl.Expr, "halved", None, raising=False)
    before, after = parts(text), parts(text.replace("/ 2", "/ 3"))
    assert before["code shop.views:half"] != after["code shop.views:half"]
    assert "code shop.views:half" not in parts(text.replace(".halved()", ".abs()"))


def test_a_project_in_another_folder_is_the_same(parts):
    text = (
        "import os.path\nfrom pathlib import Path\nHERE = Path(__file__).parent\nFILE = os.path.join(HERE, 'a.csv')\n"
    )
    text += "def view(df): return HERE, FILE"
    assert parts(text) == parts(text)
    assert parts(text) != parts(text.replace("a.csv", "b.csv"))


def test_objects_that_answer_to_any_name_end(parts):
    text = "class C:\n    def __getattr__(self, name):\n        if name[:2] == '__': raise AttributeError\n"
    text += "        return C()\nV = C()\ndef view(df): return V.anything"
    assert parts(text)["code shop.views:view.V"].startswith("shop.views:C(")


def test_a_class_edited_after_its_import_is_refused(parts, tmp_path):
    text = "class C:\n    def m(self): return 1\ndef view(df): return C().m()"
    parts(text)
    file = tmp_path / "1" / "shop" / "views.py"
    file.write_text(text.replace("return 1", "return 2"))
    with pytest.raises(DeclarationError, match=r"views.py was edited after C.m was imported. Load the project again"):
        code_parts("here", sys.modules["shop.views"].view)


def test_a_class_made_by_a_call_counts_by_its_fields(parts):
    text = "from dataclasses import make_dataclass\nC = make_dataclass('C', ['a', 'b'])\ndef view(df): return C(1, 2)"
    assert set(parts(text).values()) != set(parts(text.replace("'a', 'b'", "'b', 'a'")).values())


SAME = {
    "comment": ("def view(df):\n    return df", "    return", "    # why\n    return"),
    "docstring": ("def view(df):\n    return df", "    return", '    """Why."""\n    return'),
    "docstring alone": ("def g(x): pass\ndef view(df): return g(df)", "pass", '"""Nothing."""'),
    "nested docstring": ("def view(df):\n    def g(x):\n        return x\n    return g(df)", "        return", "        'g'\n        return"),
    "async docstring": ("async def g(x):\n    return x\ndef view(df): return g(df)", "    return", "    'g'\n    return"),
    "class docstring": ("class C:\n    k = 1\ndef view(df): return C", "    k", "    'C'\n    k"),
    "attribute docstring": ("class C:\n    k = 1\ndef view(df): return C", "k = 1", "k = 1\n    'k'"),
    "method docstring": ("class C:\n    def m(self):\n        return 1\ndef view(df): return C", "        return", "        'm'\n        return"),
    "module docstring": ("K = 1\ndef view(df): return globals()[df]", "K = 1", "'views'\nK = 1"),
    "parentheses": ("def view(df): return df + 1 * 2", "df + 1 * 2", "(df + (1 * 2))"),
    "quotes": ("def view(df): return 'a' + f'{df}b'", "'a' + f'{df}b'", '"a" + f"{df}b"'),
    "pieces of a text": ("def view(df): return 'ab'", "'ab'", "'a' 'b'"),
    "numbers": ("def view(df): return 1000 + 16 + 1.0", "1000 + 16 + 1.0", "1_000 + 0x10 + 1."),
    "u-text": ("def view(df): return 'a'", "'a'", "u'a'"),
    "semicolon": ("def view(df):\n    a = 1\n    return a", "\n    return", "; return"),
    "trailing comma": ("def view(df): return max(df, 1)", "1)", "1,\n)"),
    "blank line": ("def view(df):\n    a = 1\n    return a", "    return", "\n\n    return"),
    "pass": ("def view(df):\n    return df", "    return", "    pass\n    return"),
    "order of functions": ("def a(x): return 1\ndef b(x): return 2\ndef view(df): return a(b(df))", "def a(x): return 1\ndef b(x): return 2", "def b(x): return 2\ndef a(x): return 1"),
    "order of lambdas": ("a = lambda x: 1\nb = lambda x: 2\ndef view(df): return a(b(df))", "a = lambda x: 1\nb = lambda x: 2", "b = lambda x: 2\na = lambda x: 1"),
    "unrelated function": ("def g(x): return 1\ndef view(df): return df", "return 1", "return 2"),
    "unrelated constant": ("K = 1\ndef view(df): return df", "K = 1", "K = open(__file__).close()"),
    "other lambda on the line": ("a, b = lambda x: x + 1, lambda x: x * 1\ndef view(df): return a(df)", "* 1", "* 2"),
    "parameter of a global's name": ("K = 1\ndef view(df, K): return K", "K = 1", "K = 2"),
    "local of a global's name": ("K = 1\ndef view(df):\n    K = df\n    return K", "K = 1", "K = 2"),
    "comprehension's name": ("K = 1\ndef view(df): return [K for K in df]", "K = 1", "K = 2"),
    "caught name": ("K = 1\ndef view(df):\n    try: return df\n    except ValueError as K: return K", "K = 1", "K = 2"),
    "captured name": ("K = 1\ndef view(df):\n    match df:\n        case [K]: return K", "K = 1", "K = 2"),
    "lambda's parameter": ("K = 1\ndef view(df): return lambda K: K", "K = 1", "K = 2"),
    "annotation": ("def view(df): return df", "(df)", "(df: 'anything') -> int"),
    "annotation's name": ("K = 1\ndef view(df: K) -> K: return df", "K = 1", "K = 2"),
    "annotated local": ("def view(df):\n    k = 1\n    return k", "k = 1", "k: int = 1"),
    "annotated method": ("class C:\n    def m(self): return 1\ndef view(df): return C", "(self)", "(self) -> int"),
    "type alias": ("from typing import Union\nT = Union[int, str]\ndef view(df: T): return df", "str]", "float]"),
    "written otherwise": ("K = 3\ndef view(df): return K", "K = 3", "K = 1 + 2"),
    "imported otherwise": ("import shop.other\ndef view(df): return shop.other.scale(df)", "import shop.other\n", "import shop.other, os\n"),
    "unused import inside": ("def view(df):\n    return df", "    return", "    'x'\n    return"),
    "a cache that ran": ("from functools import cached_property\nclass C:\n    @cached_property\n    def p(self): return 1\nv = C()\n\ndef view(df): return v", "v = C()\n", "v = C()\nv.p\n"),
    "a global set by code": ("N = None\ndef load():\n    global N\n    N = N or object()\n    return N\n\ndef view(df): return load()", "\n\ndef view", "\nload()\ndef view"),
    "described field": ("import headrace as hr\nS = hr.Source('s', path='a.csv', description='a')\ndef view(df): return S.name", "'a')", "'b')"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_what_only_looks_different_changes_nothing(parts, name):
    text, before, after = SAME[name]
    assert before in text
    assert parts(text) == parts(text.replace(before, after, 1))


REFUSED = {
    "file": ("HELD = open(__file__)\ndef view(df): return HELD\nHELD.close()", "view.HELD is a TextIOWrapper"),
    "generator": ("HELD = (n for n in [1])\ndef view(df): return HELD", "view.HELD is a generator"),
    "iterator": ("HELD = iter([1])\ndef view(df): return HELD", "view.HELD is a list_iterator"),
    "count": ("import itertools\nHELD = itertools.count()\ndef view(df): return HELD", "view.HELD is a count"),
    "lock": ("import threading\nHELD = threading.Lock()\ndef view(df): return HELD", "view.HELD is a lock"),
    "local": ("import threading\nHELD = threading.local()\ndef view(df): return HELD", "view.HELD is a _?local"),
    "weak reference": ("import weakref\nclass C: pass\nKEPT = C()\nHELD = weakref.ref(KEPT)\ndef view(df): return HELD", "view.HELD is a (ReferenceType|weakref)"),
    "socket": ("import socket\nHELD = socket.socket()\nHELD.close()\ndef view(df): return HELD", "view.HELD is a socket"),
    "memory": ("HELD = memoryview(b'a')\ndef view(df): return HELD", "view.HELD is a memoryview"),
    "database": ("import sqlite3\nHELD = sqlite3.connect(':memory:')\nHELD.close()\ndef view(df): return HELD", "view.HELD is a Connection"),
    "DuckDB": ("import duckdb\nHELD = duckdb.connect()\nHELD.close()\ndef view(df): return HELD", "view.HELD is a DuckDBPyConnection"),
    "lazy frame": ("import polars as pl\nHELD = pl.LazyFrame({'a': [1]})\ndef view(df): return HELD", "view.HELD is a LazyFrame"),
    "generator of numbers": ("import numpy as np\nHELD = np.random.default_rng(0)\ndef view(df): return HELD", "view.HELD is a Generator.*with a seed"),
    "standard generator": ("import random\nHELD = random.Random(0)\ndef view(df): return HELD", "view.HELD is a Random.*with a seed"),
    "no content": ("HELD = object()\ndef view(df): return HELD", "view.HELD is a object"),
    "deep": ("import threading\nclass C:\n    def __init__(self): self.parts = {'a': [threading.Lock()]}\nHELD = C()\ndef view(df): return HELD", r"view.HELD.parts\['a'\]\[0\] is a lock"),
    "own class": ("class C:\n    def __reduce__(self): raise TypeError\nHELD = C()\ndef view(df): return HELD", "view.HELD is a C.*__getstate__"),
    "closed over": ("import threading\ndef make(lock):\n    return lambda x: lock\nf = make(threading.Lock())\ndef view(df): return f(df)", "make.<locals>.<lambda>.lock is a lock"),
    "default": ("def view(df, held=object()): return held", "view.held= is a object"),
    "decorated": ("def deco(f):\n    held = object()\n    def inner(df): return held, f(df)\n    return inner\n@deco\ndef view(df): return df", "inner.held is a object"),
    "exec": ("exec('def g(x): return x')\ndef view(df): return g(df)", "source of shop.views.g cannot be read"),
    "exec inside": ("def view(df):\n    exec('df = 1')\n    return df", r"shop.views:view runs text as code with exec\(\)"),
    "eval inside": ("def g(x): return eval(x)\ndef view(df): return g(df)", r"shop.views:g runs text as code with eval\(\)"),
    "computed import": ("import importlib\ndef view(df, name): return importlib.import_module(name).f(df)", "imports a module by a name that only the run knows"),
    "computed module": ("import sys\ndef view(df, name): return sys.modules[name].f(df)", "takes a module from sys.modules"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused_by_its_path(parts, name):
    text, message = REFUSED[name]
    with pytest.raises(DeclarationError, match=rf"here: .*{message}"):
        parts(text)


PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import views
from headrace.lineage.code import code_parts
print(json.dumps(code_parts("here", views.view)))
"""


@pytest.mark.parametrize(
    ("options", "environment"),
    [((), {"PYTHONHASHSEED": "1"}), (("-O",), {"PYTHONHASHSEED": "2"}), (("-OO",), {})],
)
def test_another_process_comes_to_the_same(tmp_path, options, environment):
    text = """
        KINDS = {"a", "b", "c", frozenset({"d", "e"})}
        first, second = lambda x: x + 1, lambda x: x * 2
        LIMIT = 3

        class Kind:
            def __init__(self):
                self.names = {"x", "y", "z"}

        KIND = Kind()

        def view(df):
            "Words."
            assert df > LIMIT
            return first(df), KINDS, KIND
    """
    (tmp_path / "views.py").write_text(textwrap.dedent(text))

    def probe(folder, options, environment):
        command = [sys.executable, "-B", *options, "-c", PROBE, str(tmp_path)]
        environment = {**os.environ, **environment}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout

    assert probe(tmp_path, (), {"PYTHONHASHSEED": "0"}) == probe(tmp_path.parent, options, environment)
