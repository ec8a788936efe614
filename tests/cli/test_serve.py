"""`headrace serve` as a process: what it answers while builds go on, and where it refuses to listen."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import polars as pl
import pytest

from headrace.builder.build import build
from headrace.builder.project import load_project
from headrace.cli.main import main
from tests.serving.shop import forget, write_shop

PACKAGE = "served_shop"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = write_shop(tmp_path_factory.mktemp("shop"), PACKAGE)
    found = load_project(root)
    assert build(found).failed == {}
    yield found
    forget(PACKAGE, root)


@contextmanager
def serving(root, *options, **environment):
    """The port of a server in a process of its own."""
    command = [sys.executable, "-m", "headrace.cli.main", "serve", "--port", "0", *options]
    process = subprocess.Popen(
        command, cwd=root, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:(\d+) answers for", line)
        assert found, (line, process.stderr.read())
        yield int(found[1]), line
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def ask(port, service, question, token=""):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request("POST", f"/features/{service}", json.dumps(question), headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_it_answers_with_what_a_build_has_just_published(project):
    with serving(project.root) as (port, line):
        assert "clock, gift, kept, market, purchase, simple; without a token" in line
        status, before = ask(port, "simple", {"keys": {"customer_id": 1}})
        assert (status, before["rows"][0]["values"]["amount"]) == (200, 41.0)
        path = project.data_folder / "orders.parquet"
        orders = pl.read_parquet(path)
        orders.with_columns(pl.col("amount") + 1000.0).write_parquet(path)
        assert build(load_project(project.root)).failed == {}
        status, after = ask(port, "simple", {"keys": {"customer_id": 1}})
        assert (status, after["rows"][0]["values"]["amount"]) == (200, 1041.0)
        assert after["views"]["last_order"]["version"] != before["views"]["last_order"]["version"]
        assert ask(port, "simple", {"keys": {"customer_id": "1"}})[0] == 422


def test_a_token_from_the_environment_or_a_file(project, tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    with serving(project.root, "--token-file", str(tmp_path / "token"), HEADRACE_TOKEN="other") as (port, _):
        assert ask(port, "simple", {"keys": {"customer_id": 1}})[0] == 401
        assert ask(port, "simple", {"keys": {"customer_id": 1}}, "other")[0] == 401
        assert ask(port, "simple", {"keys": {"customer_id": 1}}, "from-file")[0] == 200


@pytest.fixture
def inside(project, monkeypatch):
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("HEADRACE_TOKEN", raising=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 can be reached from other machines, and there is no token"),
        (["--port", "99999"], "Cannot listen on 127.0.0.1:99999: a port is a number from 0 to 65535"),
        (["--token-file", "absent"], "absent cannot be read"),
        (["--token-file", "empty"], "empty is empty: it should hold the token"),
        (["--env", "a b"], "environment 'a b' cannot be used as a name"),
    ],
)
def test_what_it_does_not_start_with(inside, project, capsys, options, message):
    (project.root / "empty").write_text("")
    assert main(["serve", *options]) == 2
    assert message in capsys.readouterr().err
