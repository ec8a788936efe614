"""The HTTP server: where it listens, and to whom."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from headrace.errors import ProjectError
from headrace.serving.feature_store import FeatureStore
from headrace.serving.http.limits import Limits

_SECONDS_ALIVE = 75


def serve(
    store: FeatureStore,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    token: str = "",
    limits: Limits | None = None,
    log: bool = False,
    started: Callable[[str], None] | None = None,
) -> None:
    """Answer until the process is told to stop.

    Args:
        host: beyond this machine only with a token, or anyone in the network could read every feature.
        port: 0 takes a free one.
        log: write a line for each request.
        started: called with the address once it listens.
    """
    refuse_open(host, token)
    import uvicorn

    from headrace.serving.http.app import create_app

    store.online_store.views()  # a database that cannot be opened is told now
    config = uvicorn.Config(
        create_app(store, token=token, limits=limits),
        host=host,
        port=port,
        log_level="info" if log else "warning",
        access_log=log,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=_SECONDS_ALIVE,
    )
    with _listening(host, port) as listener:
        if started is not None:
            started(_address(host, listener.getsockname()[1]))
        uvicorn.Server(config).run(sockets=[listener])


def refuse_open(host: str, token: str) -> None:
    """Refuse to listen beyond this machine without a token."""
    if token or is_loopback(host):
        return
    fix = "Set HEADRACE_TOKEN or give --token-file, and put TLS in front; or listen on 127.0.0.1."
    raise ProjectError(f"{host} can be reached from other machines, and there is no token. {fix} Nothing was started.")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
    except (OSError, OverflowError) as error:  # the latter for a number that is no port
        listener.close()
        problem = getattr(error, "strerror", None) or "a port is a number from 0 to 65535"
        raise ProjectError(f"Cannot listen on {host}:{port}: {problem}. Choose another --port.") from error
    listener.listen(2048)
    return listener


def _address(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{shown}:{port}"
