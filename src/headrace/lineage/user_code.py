"""The user's own code inside schemas and estimators: functions of checks, classes and functions given as parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from types import FunctionType, MethodType
from typing import Any

from headrace.lineage.sources import is_user_code

# What says how a check is applied, with the values that say nothing.
_CHECK_OPTIONS = {"element_wise": False, "groupby": None, "groups": None, "native": True, "raise_warning": False}


def check_functions(schema: Any) -> tuple[Callable[..., Any], ...]:
    """The user's code in a pandera schema: checks and parsers, bound to what they are given, and own classes.

    Built-in checks are told by name and bounds, elsewhere.
    """
    if schema is None:
        return ()
    parts = [schema, *schema.columns.values()]
    checks = chain.from_iterable(part.checks or () for part in parts)
    parsers = chain.from_iterable(getattr(part, "parsers", None) or () for part in parts)
    kinds = {type(one): None for part in parts for one in (part, part.dtype)}
    found: list[Callable[..., Any]] = [
        *(function for check in checks for function in _of_check(check)),
        *(function for parser in parsers for function in _user_functions(getattr(parser, "_parser_fn", parser))),
        *(one for kind in kinds for one in kind.__mro__ if is_user_code(one)),
    ]
    return tuple(found)


def _of_check(check: Any) -> Iterator[Callable[..., Any]]:
    given = {name: value for name, usual in _CHECK_OPTIONS.items() if (value := getattr(check, name, usual)) != usual}
    given |= getattr(check, "_check_kwargs", None) or {}
    for function in _user_functions(check._check_fn):
        yield partial(function, **given) if given else function


def _user_functions(function: Any) -> Iterator[Callable[..., Any]]:
    """What is the user's in something callable, which a library may have wrapped."""
    if is_user_code(function) or is_user_code(type(function)) or isinstance(function, partial | MethodType):
        yield function
    registered = getattr(function, "_function_registry", None) or {}  # a check of pandera's, or one added to them
    yield from (one for one in registered.values() if is_user_code(one))
    # A check written as a method of a DataFrameModel is closed over by a function of pandera's.
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    for method in filter(None, (getattr(held, "check_fn", None) for held in cells)):
        yield _with_class(method, next((held for held in cells if isinstance(held, type)), None))


def _with_class(method: Any, model: type | None) -> Callable[..., Any]:
    """A method of a model, with the attributes of the model that it may take from its first parameter."""
    function = getattr(method, "__func__", method)
    kinds = [kind for kind in (model.__mro__ if model else ()) if is_user_code(kind)]
    names = {name for kind in kinds for name in vars(kind)}.intersection(getattr(function, "__code__", method).co_names)
    held = {name: getattr(model, name) for name in sorted(names)}
    return partial(function, **held) if held else function


def estimator_code(value: Any) -> Iterator[Callable[..., Any]]:
    """The user's classes and functions in an estimator and its parameters, at any depth."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        yield from filter(is_user_code, type(value).__mro__)
        yield from estimator_code(value.get_params(deep=False))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from estimator_code(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from estimator_code(one)
    elif isinstance(value, FunctionType | type):
        if is_user_code(value) or getattr(value, "__wrapped__", None) or getattr(value, "__closure__", None):
            yield value
    elif isinstance(value, partial | MethodType) or is_user_code(type(value)):
        yield value  # what it holds counts too
