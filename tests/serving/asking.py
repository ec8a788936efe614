"""Asking an ASGI application in this process, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Answer = tuple[int, dict[str, str], Any]


async def exchange(
    app: Any,
    method: str,
    path: str,
    receive: Callable[[], Awaitable[dict[str, Any]]],
    headers: dict[str, str] | None = None,
) -> Answer:
    """(status, headers, JSON) of one request whose body comes from `receive`."""
    given = {"content-type": "application/json", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    events: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    await app(scope, receive, send)
    content = b"".join(event.get("body", b"") for event in events[1:])
    found = {name.decode().lower(): value.decode() for name, value in events[0]["headers"]}
    return events[0]["status"], found, json.loads(content) if content else None


def ask(app: Any, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """(status, headers, JSON) of one request."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return asyncio.run(exchange(app, method, path, receive, {"content-length": str(len(body)), **(headers or {})}))


def post(app: Any, service: str, question: Any, **headers: str) -> tuple[int, Any]:
    """(status, JSON) of a question to a service; bytes are sent as they are."""
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    status, _, found = ask(app, "POST", f"/features/{service}", body, headers)
    return status, found
