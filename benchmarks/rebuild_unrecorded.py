"""`python rebuild_unrecorded.py` in a project's folder: `headrace build --json` less telling Dagster of it.

With `--unsafe` nothing waits for the disk, to fill the store of a project of thousands of assets.
"""

from __future__ import annotations

import json
import os
import sys

from headrace.builder.build import build
from headrace.builder.project import load_project


def build_in(folder: str) -> list[str]:
    """Build the project in a folder, which becomes the working directory; returns what had to be computed."""
    os.chdir(folder)
    report = build(load_project())
    for asset, error in report.failed.items():
        raise RuntimeError(f"{asset} failed: {error}") from error
    return report.keys("built")


def main() -> None:
    if "--unsafe" in sys.argv:
        os.fsync = lambda _: None
    print(json.dumps({"built": build_in(os.curdir)}))


if __name__ == "__main__":
    main()
