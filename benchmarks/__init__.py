"""Comparisons with what people would use instead, each run beside it: `python -m benchmarks`, or `make bench`."""
