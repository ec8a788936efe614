"""Edits that Python's own cache of bytecode does not see."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from headrace.lineage.bytecode import discard_racy_bytecode

PROBE = """
import sys
sys.dont_write_bytecode = False
sys.path.insert(0, sys.argv[1])
import views
from headrace.lineage.code import code_parts
from headrace.lineage.determinism import unstable_python
from contextlib import suppress
with suppress(Exception):
    unstable_python(views.view)  # asked first, it does not hide it
print(code_parts("here", views.view)["code views:view.RATE"])
"""
TEXT = "RATE = 3\n\n\ndef view(df):\n    return df * RATE\n"


def probe(folder) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", PROBE, str(folder)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return found.stdout.strip() or found.stderr.strip().splitlines()[-1]


@pytest.fixture
def edited(tmp_path):
    """A module loaded once, then edited within the second, to a text of the same length."""
    file = tmp_path / "views.py"
    file.write_text(TEXT)
    first = file.stat().st_mtime_ns
    assert probe(tmp_path) == "3"
    (cached,) = (tmp_path / "__pycache__").glob("views*.pyc")
    file.write_text(TEXT.replace("3", "4"))
    for path in (file, cached):
        os.utime(path, ns=(first, first))
    return tmp_path


def test_an_old_constant_is_never_taken_for_the_new(edited):
    assert "edited so soon after it was loaded that Python loaded the older text again. Run it" in probe(edited)
    assert probe(edited) == "4"


def test_discarded_before_the_import(edited):
    discard_racy_bytecode(edited)
    assert probe(edited) == "4"


def test_old_bytecode_of_old_source_stays(tmp_path):
    (tmp_path / "shop" / "__pycache__").mkdir(parents=True)
    source, cached = tmp_path / "shop" / "__init__.py", tmp_path / "shop" / "__pycache__" / "__init__.x.pyc"
    cached = cached.with_name(f"__init__.{sys.implementation.cache_tag}.pyc")
    for path, moment in ((source, 1_000_000_000), (cached, 1_000_000_010)):
        path.write_bytes(b"")
        os.utime(path, (moment, moment))
    discard_racy_bytecode(tmp_path)
    assert cached.exists()
    os.utime(cached, (1_000_000_001, 1_000_000_001))
    discard_racy_bytecode(tmp_path)
    assert not cached.exists()
