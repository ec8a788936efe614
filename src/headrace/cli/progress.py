"""Progress of a build on stderr: lines anywhere, and on a terminal also what is running now."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from headrace.cli.console import STYLES, Piece, say
from headrace.cli.format import duration

if TYPE_CHECKING:
    from headrace.builder.build import Listener
    from headrace.builder.outcome import Outcome


@contextmanager
def progress(*, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Listener | None]:
    """A listener that suits the stream (by default stderr); None when nothing is to be shown."""
    stream = stream or sys.stderr
    if quiet:
        yield None
    elif stream.isatty():
        live = LiveProgress(stream)
        with live.display:
            yield live
    else:
        yield LineProgress(stream)


class LineProgress:
    """One line for each asset that was built, reused, failed or skipped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def started(self, asset: str) -> None: ...

    def progressed(self, asset: str, message: str, share: float | None) -> None: ...

    def finished(self, outcome: Outcome) -> None:
        if outcome.state == "fresh":
            return  # the summary counts them
        manifest = outcome.manifest
        took = duration(manifest.seconds) if outcome.state == "built" else "0 s"
        self._line(outcome.state, outcome.asset, f"{manifest.rows:,} rows  {took}")

    def failed(self, asset: str, error: Exception) -> None:
        self._line("failed", asset, (str(error).splitlines() or [type(error).__name__])[0])

    def skipped(self, asset: str, because: str) -> None:
        self._line("skipped", asset, f"because {because} failed")

    def _line(self, state: str, asset: str, text: str) -> None:
        self._say((state.ljust(7), STYLES[state]), f"  {asset}  {text}")

    def _say(self, *pieces: str | Piece) -> None:
        with self._lock:
            say(*pieces, stream=self._stream)
            self._stream.flush()


class LiveProgress(LineProgress):
    """The same lines, and below them what is running, with its latest message and how long it has been at it."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(stream)
        self._running: dict[str, tuple[float, str]] = {}
        self.display = Live(
            console=Console(file=stream, highlight=False),
            get_renderable=self._show,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
        )

    def started(self, asset: str) -> None:
        with self._lock:
            self._running[asset] = (time.perf_counter(), "")

    def progressed(self, asset: str, message: str, share: float | None) -> None:
        with self._lock:
            since, _ = self._running.get(asset, (time.perf_counter(), ""))
            self._running[asset] = (since, message if share is None else f"{message} ({share:.0%})")

    def finished(self, outcome: Outcome) -> None:
        self._forget(outcome.asset)
        super().finished(outcome)

    def failed(self, asset: str, error: Exception) -> None:
        self._forget(asset)
        super().failed(asset, error)

    def _forget(self, asset: str) -> None:
        with self._lock:
            self._running.pop(asset, None)

    def _say(self, *pieces: str | Piece) -> None:
        from rich.text import Text

        # Without our lock: the display takes its own first, and then asks for what is running.
        self.display.console.print(Text.assemble(*pieces), soft_wrap=True)
        self.display.refresh()

    def _show(self) -> Any:
        from rich.text import Text

        now = time.perf_counter()
        with self._lock:
            running = list(self._running.items())
        lines = [
            Text.assemble(("running", "blue"), f"  {asset}  {message}  ", (duration(now - since), "dim"))
            for asset, (since, message) in running
        ]
        return Text("\n").join(lines)
