"""How each encoder is fitted and applied. `ENGINES` is the whole list; an engine is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, closest, name_list

if TYPE_CHECKING:
    from headrace.engine.encoders.base import EncoderEngine

ENGINES: dict[str, tuple[str, str]] = {
    "bag_of_words": ("headrace.engine.encoders.bag_of_words", "BagOfWordsEngine"),
    "color_histogram": ("headrace.engine.encoders.color_histogram", "ColorHistogramEngine"),
    "gradient_histogram": ("headrace.engine.encoders.gradient_histogram", "GradientHistogramEngine"),
    "image_pixels": ("headrace.engine.encoders.image_pixels", "ImagePixelsEngine"),
    "impute": ("headrace.engine.encoders.impute", "ImputeEngine"),
    "one_hot": ("headrace.engine.encoders.one_hot", "OneHotEngine"),
    "standardize": ("headrace.engine.encoders.standardize", "StandardizeEngine"),
    "tf_idf": ("headrace.engine.encoders.tf_idf", "TfIdfEngine"),
}

VERSIONS: dict[str, int] = {}
"""The version of an engine's meaning, where it is not the first: raised when states or encoded values change."""


def encoder_version(kind: str) -> int:
    """The version of a kind's meaning; part of every fingerprint, hence known without importing the engine."""
    return VERSIONS.get(kind, 1)


def engine_for(kind: str) -> EncoderEngine[Any]:
    """The engine of a kind of encoder, as `engine_for(spec.kind)` or `engine_for(state.kind)`.

    >>> engine_for("standardize").version
    1
    >>> engine_for("standardise")
    Traceback (most recent call last):
    headrace.errors.HeadraceError: No encoder 'standardise'. Did you mean 'standardize'? Encoders: ...
    """
    if kind not in ENGINES:
        nearest = closest(kind, ENGINES)
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        raise HeadraceError(f"No encoder {kind!r}.{hint} Encoders: {name_list(ENGINES)}.")
    module, name = ENGINES[kind]
    engine: EncoderEngine[Any] = getattr(import_module(module), name)()
    return engine
