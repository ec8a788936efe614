"""Fingerprints of Python: the syntax tree of a function and of everything it reaches in the user's project."""

from __future__ import annotations

import ast
import datetime
import decimal
import functools
import hashlib
import re
from collections.abc import Callable, Iterable
from enum import Enum
from types import FunctionType, MethodType, ModuleType
from typing import Any

from headrace.declarations.base import Declaration
from headrace.errors import DeclarationError
from headrace.lineage.canonical import digest
from headrace.lineage.names import Names, used_values
from headrace.lineage.sources import is_user_code, syntax_tree

_PLAIN = (bool, int, float, complex, str, bytes, type(None), decimal.Decimal, Enum)
_TIMES = (datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo)


def code_parts(where: str, *functions: Callable[..., Any]) -> dict[str, str]:
    """`{"code module:name": hash}` of `functions` and of all user code and constants they reach.

    Comments, docstrings and formatting change nothing; an edit of a helper changes exactly its users. Raises
    DeclarationError for a value that cannot be written down, such as an open file.
    """
    reached = _Reached(where)
    for function in functions:
        reached.describe("code", function)
    return dict(sorted(reached.parts.items()))


class _Reached:
    """What has been reached so far: `parts` by name, and the name of each function and class."""

    def __init__(self, where: str) -> None:
        self.parts: dict[str, str] = {}
        self._where = where
        self._names: dict[int, str] = {}

    def describe(self, label: str, value: Any) -> str:
        """`value` as text; the functions and classes of the user's project in it become parts of their own."""
        if isinstance(value, Declaration):
            return digest([value.key, value.data()])
        if isinstance(value, ModuleType):
            return value.__name__
        if isinstance(value, functools.partial):
            held = [self.describe(label, one) for one in (value.func, value.args, value.keywords)]
            return f"partial {held}"
        if isinstance(value, MethodType):
            return f"method {self.describe(label, value.__self__)}.{self.describe(label, value.__func__)}"
        if hasattr(value, "__wrapped__"):
            # A wrapper takes its function's name: both are code.
            return f"{self._code(value)} of {self.describe(label, value.__wrapped__)}"
        if isinstance(value, FunctionType | type) or (callable(value) and hasattr(value, "__name__")):
            return self._code(value)
        return self._constant(label, value)

    def _code(self, value: Any) -> str:
        if not is_user_code(value):
            return f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', type(value).__name__)}"
        if id(value) not in self._names:
            self._names[id(value)] = self._free_name(value)
            self._visit(self._names[id(value)], value)
        return self._names[id(value)].removeprefix("code ")

    def _free_name(self, value: Any) -> str:
        """Functions that one factory made share a name but not what they close over."""
        plain = isinstance(value, FunctionType)
        title = f"{value.__globals__['__name__']}:{value.__code__.co_qualname}" if plain else None
        name = f"code {title or f'{value.__module__}:{value.__qualname__}'}"
        taken = sum(one == name or one.startswith(f"{name}#") for one in self._names.values())
        return f"{name}#{taken + 1}" if taken else name

    def _visit(self, name: str, value: Any) -> None:
        tree = syntax_tree(self._where, value)
        self.parts[name] = hashlib.blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest()
        names: Names = used_values(value, tree)
        for label, used in names.header.items():
            if not isinstance(used, Declaration):  # a default that stands for a table
                self._record(f"{name}.{label}", used)
        for label, used in names.body.items():
            self._record(f"{name}.{label}", used)

    def _record(self, label: str, value: Any) -> None:
        text = self.describe(label, value)
        if not text.endswith(f":{label.rpartition('.')[2]}"):  # what goes by its own name is a part already
            self.parts[label] = text

    def _constant(self, label: str, value: Any) -> str:
        if isinstance(value, (*_PLAIN, *_TIMES)):
            return repr(value)
        if isinstance(value, re.Pattern):
            return f"re {value.pattern!r} {value.flags}"
        if isinstance(value, list | tuple):
            return f"{type(value).__name__} {self._all(label, value)}"
        if isinstance(value, set | frozenset):
            return f"set {sorted(self._all(label, value))}"
        if isinstance(value, dict):
            return f"dict {self._all(label, value.items())}"
        text = _polars_text(value)
        if text is not None:
            return text
        problem = f"{label.removeprefix('code ')} is a {type(value).__name__}, whose content cannot be fingerprinted."
        raise DeclarationError(
            self._where, problem, fix="Use numbers, texts, lists or dicts, or make it inside the function."
        )

    def _all(self, label: str, values: Iterable[Any]) -> list[str]:
        return [self.describe(label, one) for one in values]


def _polars_text(value: Any) -> str | None:
    """What polars holds, in full: `repr` cuts long values. None for a lazy frame and for Python in an expression."""
    if type(value).__module__.partition(".")[0] != "polars":
        return None
    kind = type(value).__name__
    if kind == "DataFrame":
        return f"DataFrame {digest([str(value.schema), [repr(row) for row in value.rows()]])}"
    if kind == "Series":
        return f"Series {digest([value.name, str(value.dtype), repr(value.to_list())])}"
    if kind == "Expr":
        text = value.meta.serialize(format="json")
        return None if "AnonymousFunction" in text else f"Expr {digest(text)}"
    return None if kind == "LazyFrame" else repr(value)
