"""Dagster: declarations as assets, with checks, metadata and plots. What is computed is the builder's business."""
