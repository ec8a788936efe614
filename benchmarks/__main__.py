"""`python -m benchmarks [--quick] [name ...]`: run, print, and after a full run write RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    build,
    columns,
    feature_store,
    incremental_shop,
    online,
    point_in_time,
    rebuild,
    report,
    transforms,
    windows,
)

MODULES = (point_in_time, windows, transforms, build, rebuild, incremental_shop, columns, online, feature_store)
BENCHMARKS = {module.__name__.rpartition(".")[2]: module for module in MODULES}
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}. Known: {', '.join(BENCHMARKS)}")
    names = [name for name in BENCHMARKS if not given.names or name in given.names]
    found = {}
    for name in names:
        started = time.perf_counter()
        found[name] = BENCHMARKS[name].run(given.quick)
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    text = report.page(found, {name: str(BENCHMARKS[name].__doc__).strip() for name in names})
    print(text)
    # Part of the comparisons, or tiny ones, must not pass for the results.
    if not given.quick and len(names) == len(BENCHMARKS):
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
