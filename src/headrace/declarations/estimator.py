"""An estimator as plain values: its class and parameters, nested ones included, without importing scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.errors import DeclarationError


def describe_estimator(where: str, estimator: Any) -> dict[str, Any]:
    """The class and parameters that decide what an estimator learns.

    Raises DeclarationError for a parameter whose value cannot be written down, such as an open file or a generator.
    """
    if isinstance(estimator, type) or not all(hasattr(estimator, name) for name in ("fit", "predict", "get_params")):
        fix = "Give an unfitted scikit-learn estimator, as in LogisticRegression()."
        raise DeclarationError(where, f"estimator {estimator!r} cannot be fitted.", fix=fix)
    described: dict[str, Any] = _describe(where, estimator)
    return described


def _describe(where: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "get_params") and not isinstance(value, type):
        parameters = {name: _describe(where, one) for name, one in sorted(value.get_params(deep=False).items())}
        return {"class": _class_name(type(value)), "parameters": parameters}
    if isinstance(value, Mapping):
        return {repr(key): _describe(where, one) for key, one in sorted(value.items(), key=lambda pair: repr(pair[0]))}
    if isinstance(value, set | frozenset):
        return sorted((_describe(where, one) for one in value), key=repr)
    if isinstance(value, list | tuple):
        return [_describe(where, one) for one in value]
    if hasattr(value, "tolist"):
        return {"array": value.tolist()}
    name = getattr(value, "__qualname__", getattr(value, "__name__", ""))  # NumPy's functions have only the second
    if name and "<lambda>" not in name:
        return {"name": _class_name(value)}
    fix = "Use numbers, texts, lists, estimators, or named functions of a module."
    raise DeclarationError(where, f"estimator parameter {value!r} cannot be fingerprinted.", fix=fix)


def _class_name(value: Any) -> str:
    return f"{value.__module__}.{getattr(value, '__qualname__', value.__name__)}"
