"""Serving: load a published cascade and ask it, or read features. Imports no Dagster, and polars only where needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.serving.predictor import Predictor, load

__all__ = ["Predictor", "load"]


def __getattr__(name: str) -> Any:
    """Import what predicts when it is asked for: who reads features does without it."""
    if name not in __all__:
        raise AttributeError(f"module 'headrace.serving' has no attribute {name!r}")
    from headrace.serving import predictor

    return getattr(predictor, name)
