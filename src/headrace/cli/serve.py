"""headrace serve: feature services over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from headrace.cli.command import Command, add_environment, whole_number
from headrace.cli.console import say
from headrace.errors import ProjectError

_TOKEN = "HEADRACE_TOKEN"  # noqa: S105  the name of a variable


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine only)")
    parser.add_argument("--port", type=int, default=8080, metavar="N", help="default: 8080; 0 takes a free one")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=f"the token (default: the variable {_TOKEN})")
    parser.add_argument("--max-rows", type=whole_number, default=1000, metavar="N", help="rows a request (1000)")
    parser.add_argument("--max-bytes", type=whole_number, default=2**20, metavar="N", help="bytes a request (1 MiB)")
    parser.add_argument("--log", action="store_true", help="write a line for each request")
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Serve until interrupted."""
    token = _token(given.token_file)
    try:
        import fastapi  # noqa: F401  only whether it is there
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ProjectError(f"{error.name} is not installed. Run `pip install 'headrace[serving]'`.") from error
    from headrace.serving.feature_store import FeatureStore
    from headrace.serving.http.limits import Limits
    from headrace.serving.http.server import serve

    def started(address: str) -> None:
        services = ", ".join(store.services()) or "nothing yet: run `headrace build`"
        say(f"{address} answers for {store.environment}: {services}", *([] if token else ["; without a token"]))
        say("Stop with Ctrl+C.")
        sys.stdout.flush()  # whoever reads this through a pipe waits for it

    with FeatureStore(environment=given.env) as store, suppress(KeyboardInterrupt):
        limits = Limits(rows=given.max_rows, body_bytes=given.max_bytes)
        serve(
            store,
            host=given.host,
            port=given.port,
            token=token,
            limits=limits,
            log=given.log,
            started=started,
        )
    return 0


def _token(file: Path | None) -> str:
    if file is None:
        return os.environ.get(_TOKEN, "").strip()
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{file} cannot be read: {error}. Nothing was started.") from error
    if not token:
        raise ProjectError(f"{file} is empty: it should hold the token. Nothing was started.")
    return token


COMMAND = Command(
    name="serve",
    summary="answer for feature services over HTTP",
    description=f"""\
Answer `POST /features/SERVICE` with the features of entities as they are now, out of the online store, and
with what on-demand functions make of them. `GET /services` tells what can be asked, `/health` how fresh it
is, `/openapi.json` describes both. Builds go on meanwhile: what they publish is answered with at once.

With a token, in {_TOKEN} or a file, askers must send `Authorization: Bearer TOKEN`. Without one only this
machine is listened to.""",
    examples=(
        ("headrace serve", "on http://127.0.0.1:8080"),
        ("headrace serve --env prod --port 80 --host 0.0.0.0 --token-file token.txt", "to other machines"),
    ),
    arguments=_arguments,
    run=run,
)
