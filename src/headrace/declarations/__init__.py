"""The nouns of Headrace as frozen values. Nothing here imports Dagster, DuckDB, polars or scikit-learn."""
