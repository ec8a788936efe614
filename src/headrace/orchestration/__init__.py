"""Dagster: declarations as assets, with checks, metadata and plots. Thin: what is computed is the builder's business."""
