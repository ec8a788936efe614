"""headrace build: progress, report, failures, and what is told to Dagster."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest

from headrace.cli.progress import progress


def test_lines_on_stderr(tiny, capsys):
    assert tiny.run("build") == 0
    shown = capsys.readouterr()
    assert re.search(r"^built    sources/orders  3 rows  \d+\.\d\d s$", shown.err, re.MULTILINE)
    assert re.search(r"^3 built in \d+\.\d\d s$", shown.err, re.MULTILINE)
    assert shown.out == ""


def test_json_is_one_object_on_stdout(tiny, capsys):
    assert tiny.run("build", "--json", "--quiet", "activity") == 0
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert report["built"] == ["sources/orders", "features/activity"]
    assert set(report) == {"built", "reused", "fresh", "failed", "skipped", "seconds"}
    assert shown.err == ""


def test_a_build_is_recorded_only_if_it_did_something(tiny):
    assert tiny.run("build") == 0
    assert tiny.run("build") == 0
    assert len(tiny.recorded) == 1
    assert len(tiny.recorded[0].outcomes) == 3


def test_undoing_an_edit_reuses_the_version(built, capsys):
    built.edit('pl.col("total").sum())', "2)")
    built.run("build", "--quiet")
    built.edit('pl.col("total") / 2)', 'pl.col("total") / pl.col("total").sum())')
    assert built.run("build") == 0
    assert "reused   features/totals  2 rows  0 s" in capsys.readouterr().err
    assert len(built.recorded) == 3


def test_a_failure_of_the_user_s_code_shows_their_lines(tiny, capsys):
    tiny.edit('pl.col("total") / pl.col("total").sum()', 'pl.col("total") / frame.missing')
    assert tiny.run("build") == 1
    message = capsys.readouterr().err
    assert "failed  features/totals" in message
    assert "AttributeError: 'DataFrame' object has no attribute 'missing'" in message
    assert re.search(rf"{tiny.package}/shop.py:\d+ in share: return frame", message)
    assert "src/headrace" not in message
    assert "its last good versions stay current" in message
    assert list(tiny.recorded[0].failed) == ["features/totals"]


def test_a_failed_source_skips_what_needs_it(tiny, capsys):
    (tiny.root / "data" / "orders.csv").write_text("order_id,customer_id,ordered_at,amount\n1,1,2026-01-01,1\n" * 2)
    assert tiny.run("build", "--json") == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["skipped"] == ["features/activity", "features/totals"]
    assert "skipped  features/activity  because sources/orders failed" in shown.err
    assert "sources/orders: " in shown.err
    assert "Traceback" not in shown.err


def test_a_build_with_nothing_to_do_does_not_import_dagster(built):
    code = (
        "import sys; from headrace.cli.main import main; "
        "codes = [main(['build', '--json']), main(['plan']), main(['show']), main(['show', 'totals'])]; "
        "print(codes, 'dagster' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=built.root, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0] False"
    assert done.stderr.startswith("3 fresh in ")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_running(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = _Terminal()
    with progress(stream=stream) as listener:
        listener.started("features/a")
        listener.progressed("features/a", "joining", 0.5)
        listener.display.refresh()
        listener.failed("features/a", ValueError("no\nmore"))
        listener.skipped("features/b", "features/a")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "running  features/a  joining (50%)" in shown
    assert "failed   features/a  no" in shown
    assert "skipped  features/b  because features/a failed" in shown


def test_quiet_is_quiet():
    with progress(quiet=True) as listener:
        assert listener is None


@pytest.mark.parametrize("arguments", [["nothing"], ["orders", "--env"]])
def test_bad_usage(tiny, arguments):
    try:
        code = tiny.run("build", *arguments)
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
