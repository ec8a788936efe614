"""Headrace against what one would write or use instead, in the same run on the same data: `python -m benchmarks`."""
