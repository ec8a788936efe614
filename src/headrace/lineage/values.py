"""Constants as text: what a value holds, the same in every process, or a refusal that says where it is held."""

from __future__ import annotations

import copyreg
import datetime
import decimal
import hashlib
import pickle
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cached_property, partial
from pathlib import PurePath
from random import Random
from types import MappingProxyType, MethodType
from typing import Any

from headrace.errors import DeclarationError
from headrace.lineage.sources import is_user_code

_PLAIN = (bool, int, float, complex, str, bytes, type(None), decimal.Decimal, datetime.date, datetime.timedelta)
_SHOWN = 200
_FIX = "Use numbers, texts, lists or dicts, or make it inside the function."

_SEED = "Make it inside the function, with a seed."


class Values(ABC):
    """Writes values down. What is code is left to `code`, which gives None for what is none.

    `label` is the path to a value, as in `views:plain.KINDS['a']`, for whoever has to find it.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._open: dict[int, int] = {}
        self._held: list[Any] = []

    @abstractmethod
    def code(self, label: str, value: Any) -> str | None:
        """How a function, class, module or declaration is named."""

    def place(self, path: str) -> str:
        """How a path is written."""
        return path

    def describe(self, label: str, value: Any) -> str:
        """`value` as text; long ones as their hash. Raises DeclarationError for what cannot be written down."""
        text = self._written(label, value)
        if len(text) <= _SHOWN:
            return text
        return f"{type(value).__name__} {_hash(text.encode('utf-8', 'surrogatepass'))}"

    def _written(self, label: str, value: Any) -> str:
        if type(value) is str:
            return repr(self.place(value) if value[:1] == "/" or value[1:2] == ":" else value)
        if type(value) in _PLAIN:
            return repr(value)
        if id(value) in self._open:
            return f"(again {len(self._open) - self._open[id(value)]})"
        self._open[id(value)] = len(self._open)
        self._held.append(value)  # what a value is told by must not be another's by the time it is met again
        try:
            text = self.code(label, value)
            return self._content(label, value) if text is None else text
        finally:
            del self._open[id(value)]

    def _content(self, label: str, value: Any) -> str:
        if isinstance(value, Enum):
            return f"{self.describe(label, type(value))}.{value.name}({self.describe(label, value.value)})"
        if type(value) in (list, tuple):
            return f"{type(value).__name__}({self._all(label, value)})"
        if type(value) in (dict, MappingProxyType):
            return f"dict({self._pairs(label, value.items())})"
        if isinstance(value, set | frozenset):
            return f"{self._class(label, value)}({', '.join(sorted(self.describe(label, one) for one in value))})"
        if isinstance(value, partial):
            held = [*value.args, *value.keywords.values()]
            return f"partial({self.describe(label, value.func)}, {self._all(label, held)}, {list(value.keywords)})"
        if isinstance(value, MethodType):
            return f"method({self.describe(label, value.__self__)}, {self.describe(label, value.__func__)})"
        if isinstance(value, re.Pattern):
            return f"re({value.pattern!r}, {value.flags})"
        if isinstance(value, datetime.datetime | datetime.time) and type(value).__module__ == "datetime":
            return f"{value.replace(tzinfo=None)!r} {value.fold} {self.describe(f'{label}.tzinfo', value.tzinfo)}"
        if isinstance(value, PurePath):
            return f"path({self.place(str(value))!r})"
        return self._library(label, value) or self._state(label, value)

    def _all(self, label: str, values: Iterable[Any]) -> str:
        return ", ".join(self.describe(f"{label}[{place}]", one) for place, one in enumerate(values))

    def _pairs(self, label: str, pairs: Iterable[tuple[Any, Any]]) -> str:
        return ", ".join(f"{self.describe(label, key)}: {self.describe(_item(label, key), one)}" for key, one in pairs)

    def _class(self, label: str, value: Any) -> str:
        return self.describe(label, type(value))

    def _library(self, label: str, value: Any) -> str | None:
        """What numpy and polars hold, in full: `repr` cuts long values."""
        library = type(value).__module__.partition(".")[0]
        if library == "numpy":
            return self._numpy(label, value)
        if library == "polars":
            return self._polars(label, value)
        return None

    def _numpy(self, label: str, value: Any) -> str | None:
        numpy = sys.modules["numpy"]
        if isinstance(value, numpy.random.Generator | numpy.random.RandomState):
            raise self.refusal(label, value, fix=_SEED)
        if type(value) is numpy.ndarray and not value.dtype.hasobject:
            order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
            return f"array({value.dtype.descr}, {value.shape}, {order}, {_hash(value.tobytes())})"
        if type(value) is numpy.ndarray:
            return f"array({value.dtype.descr}, {value.shape}, {self._all(label, value.ravel().tolist())})"
        if isinstance(value, numpy.generic):
            return f"{value.dtype.str}({value.tobytes().hex()})"
        return None

    def _polars(self, label: str, value: Any) -> str | None:
        polars = sys.modules["polars"]
        if isinstance(value, polars.DataFrame):
            return f"DataFrame({self._all(label, value.get_columns())})"
        if isinstance(value, polars.Series):
            held = value.to_list()
            rows = self._all(label, held) if value.dtype == polars.Object else _hash(repr(held).encode())
            return f"Series({value.name!r}, {value.dtype!r}, {rows})"
        if isinstance(value, polars.Expr):
            text = value.meta.serialize(format="json")
            if "AnonymousFunction" in text or "PythonFunction" in text:
                raise self.refusal(label, value)
            return f"Expr({_hash(text.encode())})"
        if isinstance(value, polars.LazyFrame):
            raise self.refusal(label, value)
        return repr(value) if isinstance(value, polars.DataType) else None

    def _state(self, label: str, value: Any) -> str:
        """Anything else by how it would be copied: its class, what it is made of, and its attributes."""
        if type(value) is object or isinstance(value, Iterator):
            raise self.refusal(label, value)
        if isinstance(value, Random):
            raise self.refusal(label, value, fix=_SEED)
        try:
            how: Any = copyreg.dispatch_table.get(type(value))
            made = how(value) if how else value.__reduce_ex__(4)
        except (TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError, pickle.PickleError):
            raise self.refusal(label, value) from None
        if isinstance(made, str):
            return f"{getattr(value, '__module__', type(value).__module__)}.{made}"
        function, arguments, state, items, pairs = (*made, None, None, None)[:5]
        arguments = [one for one in arguments if one is not type(value)]
        text = f"{self._class(label, value)}({self.describe(label, function)}, {self._all(label, arguments)}"
        text += f", {self._attributes(label, value, state)}"
        return f"{text}, {self._all(label, items or ())}, {self._pairs(label, pairs or ())})"

    def _attributes(self, label: str, value: Any, state: Any) -> str:
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            state = {**(state[0] or {}), **state[1]}  # attributes with and without slots
        if state is None:
            return ""
        if not isinstance(state, dict):
            return self.describe(f"{label}'s state", state)
        # What a property caches is there only once it was asked for; an address is another in every process.
        addresses = {id(one) for one in state.values()}
        held = {str(name): one for name, one in state.items() if not _is_cache(type(value), name)}
        kept = sorted((name, one) for name, one in held.items() if type(one) is not int or one not in addresses)
        return ", ".join(f"{name}={self.describe(f'{label}.{name}', one)}" for name, one in kept)

    def refusal(self, label: str, value: Any, fix: str = _FIX) -> DeclarationError:
        """That `value` cannot be fingerprinted, and where it is held."""
        kind = type(value)
        problem = f"{label.removeprefix('code ')} is a {kind.__name__}, whose content cannot be fingerprinted."
        if is_user_code(kind):
            fix += " Or say in the class's __getstate__ what it is made of."
        return DeclarationError(self._where, problem, fix=fix)


def _item(label: str, key: Any) -> str:
    return f"{label}[{key!r}]" if isinstance(key, str | int) else f"{label}[a {type(key).__name__}]"


def _is_cache(kind: type, name: Any) -> bool:
    return isinstance(name, str) and isinstance(getattr(kind, name, None), cached_property)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
