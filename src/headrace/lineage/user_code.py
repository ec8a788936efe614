"""The user's own code inside schemas and estimators: functions of checks, classes and functions given as parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

from headrace.lineage.sources import is_user_code


def check_functions(schema: Any) -> tuple[Callable[..., Any], ...]:
    """The functions behind a pandera schema's own checks; built-in checks are told by name and bounds."""
    if schema is None:
        return ()
    checks = [*(schema.checks or ()), *(check for column in schema.columns.values() for check in column.checks or ())]
    return tuple(function for check in checks for function in _behind(check._check_fn))


def _behind(function: Any) -> Iterator[Callable[..., Any]]:
    if is_user_code(function):
        yield function
    # A check written as a method of a DataFrameModel is closed over by a function of pandera's.
    for cell in getattr(function, "__closure__", None) or ():
        method = getattr(cell.cell_contents, "check_fn", None)
        if method is not None:
            yield method


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
    elif isinstance(value, FunctionType | type) and is_user_code(value):
        yield value
