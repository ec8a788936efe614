"""Serving: load a published cascade and ask it. Imports neither Dagster nor the project's declarations."""

from headrace.serving.predictor import Predictor, load

__all__ = ["Predictor", "load"]
