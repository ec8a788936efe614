"""What cannot be deterministic: told when it is declared, not found out when a rebuild gives other data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.training_set import TrainingSet
from headrace.errors import DeclarationError
from headrace.lineage.python_determinism import unstable_python
from headrace.lineage.sql_determinism import order_dependent, unstable

__all__ = ["NondeterminismWarning", "order_dependent", "reasons_of", "unstable", "unstable_python", "warn_if_unstable"]


class NondeterminismWarning(UserWarning):
    """A declaration whose data may differ from build to build of the same inputs.

    `where` names the declaration, `reasons` are the phrases of what makes it so.
    """

    def __init__(self, where: str, reasons: tuple[str, ...]) -> None:
        self.where = where
        self.reasons = reasons
        meant = "so a rebuild of the same inputs may give other data, which `headrace build --verify` shows."
        fix = "Give the moment or the setting as data or a constant, a seed to what draws, a Source to what is read."
        super().__init__(f"{where}: {'; '.join(reasons)}: {meant} {fix}")


def warn_if_unstable(declaration: Declaration) -> None:
    """Warn, once a declaration, of what makes its data differ from build to build; costs no import of a parser.

    Says nothing where there is nothing to say, and nothing of code that a fingerprint will refuse.
    """
    reasons = reasons_of(declaration)
    if reasons:
        warnings.warn(NondeterminismWarning(declaration.where, reasons), stacklevel=2)


def reasons_of(declaration: Declaration) -> tuple[str, ...]:
    """Why a declaration's data may differ from build to build of the same inputs, one phrase a reason."""
    if isinstance(declaration, TrainingSet):
        found = (reason for one in declaration.listed.on_demand for reason in _of_python(one.function))
        return tuple(dict.fromkeys(found))
    if not isinstance(declaration, FeatureView) or declaration.derivation is None:
        return ()
    derivation = declaration.derivation
    if derivation.sql is not None:
        return unstable(derivation.sql)
    return _of_python(derivation.function)


def _of_python(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return unstable_python(function)
    except DeclarationError:  # what follows will raise it, and is then asked for
        return ()
