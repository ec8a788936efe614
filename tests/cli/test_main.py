"""The entry point: help, exit codes, and errors as messages."""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys

import pytest

from headrace.cli import main as entry
from headrace.cli.main import COMMANDS, main
from headrace.errors import StoreError

HEAVY = ("duckdb", "polars", "pyarrow", "numpy", "sklearn", "pandera", "dagster", "rich")


def test_without_a_command_it_prints_help(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert command.summary.split()[0] in shown
        assert command.name in shown


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command.name, "--help"])
    shown = capsys.readouterr().out
    assert command.description.splitlines()[0] in shown
    assert all(example in shown for example, _ in command.examples)


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("headrace ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bild"], "no command 'bild'. Did you mean 'build'?"),
        (["build", "--jobs", "0"], "0 is not 1 or more"),
        (["plan", "--jason"], "unrecognized arguments: --jason"),
        (["sql", "select 1", "--output", "x.xls"], "x.xls should end with"),
        (["lineage", "x", "--up", "--down"], "not allowed with"),
    ],
)
def test_bad_usage_exits_with_2(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_outside_a_project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plan"]) == 2
    assert "is in no Headrace project" in capsys.readouterr().err


def test_an_unknown_asset_is_bad_usage(tiny, capsys):
    assert tiny.run("plan", "activty") == 2
    assert "Did you mean 'features/activity'?" in capsys.readouterr().err


def test_a_declaration_error_names_its_line(tiny, capsys):
    tiny.edit('"amount", over="7d"', '"amuont", over="seven"')
    assert tiny.run("plan") == 1
    message = capsys.readouterr().err
    assert message.startswith(f"{tiny.package}/shop.py:")
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import polars as pl", "import polars as pl\nx = 1 / 0", "shop.py:4: ZeroDivisionError: division by zero"),
        ("import polars as pl", "import polars as", "shop.py:3: SyntaxError"),
        ("import polars as pl", "import polras", "shop.py:3: ModuleNotFoundError: No module named 'polras'"),
    ],
)
def test_broken_declarations_name_their_line(tiny, capsys, old, new, message):
    tiny.edit(old, new)
    assert tiny.run("plan") == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(StoreError("the disk is full"), 1), (KeyboardInterrupt(), 130), (BrokenPipeError(), 0)]
)
def test_errors_become_exit_codes(error, code, monkeypatch, capfd):
    def run(given: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(entry, "COMMANDS", [dataclasses.replace(COMMANDS[1], run=run)])
    monkeypatch.setattr(entry.os, "dup2", lambda old, new: None)
    assert main(["plan"]) == code
    assert str(error) in capfd.readouterr().err


def test_help_imports_nothing_heavy():
    code = "import sys; from headrace.cli.main import make_parser; make_parser().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(HEAVY) & set(done.stdout.split())


def test_a_reader_that_goes_away_is_no_error(built):
    command = f"{sys.executable} -m headrace.cli.main show | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=built.root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
