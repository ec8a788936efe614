"""The feature server under load while its store is refilled: `python -m benchmarks.feature_server`.

Two views of ten features, whose values all are the number of the refill that wrote them. Meanwhile other processes
refill the store again and again, some of them killed. Every answer is looked at: it must be there, of one refill
in each view, and of the refill whose version it names. Then single questions are timed, next to a server by hand that
does nothing but look packed values up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

FEATURES = [f"f{number}" for number in range(10)]
ASSETS = """
import headrace as hr
customer = hr.Entity("customer", keys=["customer"])
sources = {name: hr.Source(f"{name}_rows", path=f"{name}.parquet", keys=["customer"], timestamp="at")
           for name in ("one", "two")}
views = {name: hr.FeatureView(name, entity=customer, source=source, online=True, ttl="3650d",
                              features={f"{name}_{f}": f for f in [f"f{number}" for number in range(10)]})
         for name, source in sources.items()}
one, two = views["one"], views["two"]
both = hr.FeatureService("both", features=[one, two])
"""
REFILL = """
import sys
from pathlib import Path
from headrace.builder.build import build
from headrace.builder.project import load_project
report = build(load_project(Path(sys.argv[1])))
sys.exit(1 if report.failed else 0)
"""
FLOOR = """
import json, socket, struct, sys
import lmdb, uvicorn
packed = struct.Struct("<20d")
names = [f"f{number}" for number in range(20)]
database = lmdb.open(sys.argv[1])
with database.begin(write=True) as write:
    for key in range(int(sys.argv[2])):
        write.put(struct.pack("<q", key), packed.pack(*range(20)))
async def app(scope, receive, send):
    body = json.loads((await receive())["body"])
    with database.begin() as read:
        rows = [dict(zip(names, packed.unpack(read.get(struct.pack("<q", one["customer"]))))) for one in body["keys"]]
    content = json.dumps(rows).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(content))]})
    await send({"type": "http.response.body", "body": content})
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
print(f"http://127.0.0.1:{listener.getsockname()[1]} answers for", flush=True)
try:
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listener])
except KeyboardInterrupt:
    pass
"""


@dataclass
class Load:
    """What became of the questions.

    Attributes:
        failed: answers that were not 200, or none at all.
        mixed: answers of several refills in one view, or of another refill than their version's.
        seconds: how long each took, from the moment at which it was due.
    """

    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refills: int = 0
    killed: int = 0
    versions: dict[str, set[float]] = field(default_factory=dict)

    def quantile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    def __str__(self) -> str:
        told = f"{len(self.seconds):,} answers: {len(self.failed)} failed, {len(self.mixed)} mixed"
        told += f"; {self.refills} refills and {self.killed} killed ones, {len(self.versions)} versions seen"
        times = ", ".join(f"p{share:g} {self.quantile(share / 100):.2f} ms" for share in (50, 99, 99.9))
        return f"{told}; {times}, most {max(self.seconds) * 1000:.1f} ms"


class Client:
    """One connection that is kept open; costs little beside the server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        found = b""
        while b"\r\n\r\n" not in found:
            found += self._more()
        start, _, content = found.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", start.lower())[1])
        while len(content) < length:
            content += self._more()
        return int(start[9:12]), content

    def _more(self) -> bytes:
        part = self._socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part

    def close(self) -> None:
        self._socket.close()


def write_project(root: Path, customers: int) -> None:
    (root / "assets").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "assets" / "__init__.py").write_text(ASSETS)
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    write_rows(root, customers, 0)


def write_rows(root: Path, customers: int, number: int) -> None:
    """Rows of which every feature is `number`."""
    at = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
    rows = pl.DataFrame({"customer": range(customers)}).with_columns(
        pl.lit(at + timedelta(seconds=number)).alias("at"), *(pl.lit(float(number)).alias(name) for name in FEATURES)
    )
    for name in ("one", "two"):
        rows.write_parquet(root / "data" / f".{name}")
        os.replace(root / "data" / f".{name}", root / "data" / f"{name}.parquet")


@contextlib.contextmanager
def server(command: Sequence[str], folder: Path) -> Iterator[int]:
    """The port of a process that says where it listens."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield int(re.search(r":(\d+) answers for", line)[1])
        finally:
            process.send_signal(signal.SIGINT)


def refill_on_and_on(root: Path, customers: int, stop: threading.Event, load: Load, *, kill: bool) -> None:
    draw, number = random.Random(1), 0
    while not stop.is_set():
        number += 1
        write_rows(root, customers, number)
        process = subprocess.Popen([sys.executable, "-c", REFILL, str(root)])
        if kill and number % 3 == 0:
            time.sleep(draw.uniform(0.3, 2.0))
            process.kill()
            process.wait()
            load.killed += 1
        elif process.wait() != 0:
            load.failed.append(f"refill {number} failed")
        else:
            load.refills += 1


def ask_on_and_on(port: int, customers: int, due: Sequence[float], load: Load, lock: threading.Lock, seed: int) -> None:
    """Ask at given moments; late ones at once, their time counted from when they were due."""
    client, draw = Client(port), random.Random(seed)
    for moment in due:
        time.sleep(max(0.0, moment - time.perf_counter()))
        keys = [{"customer": draw.randrange(customers)} for _ in range(draw.choice([1, 1, 1, 10, 100]))]
        try:
            status, content = client.post("/features/both", json.dumps({"keys": keys}).encode())
        except OSError as error:
            status, content = 0, str(error).encode()
            client = Client(port)
        seconds = time.perf_counter() - moment
        with lock:
            load.seconds.append(seconds)
            if status != 200:
                load.failed.append(f"{status} {content[:200]!r}")
            else:
                _look_at(json.loads(content), len(keys), load)
    client.close()


def _look_at(answer: dict[str, Any], rows: int, load: Load) -> None:
    if len(answer["rows"]) != rows or not answer["complete"]:
        load.failed.append(f"{len(answer['rows'])} rows for {rows}, complete: {answer['complete']}")
    for view, facts in answer["views"].items():
        seen = {value for row in answer["rows"] for name, value in row["values"].items() if name.startswith(view)}
        load.versions.setdefault(f"{view} {facts['version']}", set()).update(seen)
        if len(seen) != 1:
            load.mixed.append(f"{view}: refills {sorted(seen)}")


def under_load(seconds: float, rate: float, customers: int, *, kill: bool = True, askers: int = 8) -> Load:
    """Ask `rate` times a second while the store is refilled."""
    load, lock, stop = Load(), threading.Lock(), threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        write_project(root, customers)
        subprocess.run([sys.executable, "-c", REFILL, str(root)], check=True)
        with server([sys.executable, "-m", "headrace.cli.main", "serve", "--port", "0"], root) as port:
            start = time.perf_counter() + 0.2
            due = [start + number / rate for number in range(int(seconds * rate))]
            threads = [
                threading.Thread(target=ask_on_and_on, args=(port, customers, due[n::askers], load, lock, n))
                for n in range(askers)
            ]
            refills = threading.Thread(
                target=refill_on_and_on, args=(root, customers, stop, load), kwargs={"kill": kill}
            )
            for thread in (*threads, refills):
                thread.start()
            for thread in threads:
                thread.join()
            stop.set()
            refills.join()
    load.mixed += [f"{name}: refills {sorted(seen)}" for name, seen in load.versions.items() if len(seen) > 1]
    return load


def latencies(customers: int, times: int) -> dict[str, dict[int, float]]:
    """Milliseconds (median) of one question at a time, by server and number of keys."""
    found: dict[str, dict[int, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        write_project(root, customers)
        subprocess.run([sys.executable, "-c", REFILL, str(root)], check=True)
        ours = [sys.executable, "-m", "headrace.cli.main", "serve", "--port", "0"]
        floor = [sys.executable, "-c", FLOOR, str(Path(folder) / "floor"), str(customers)]
        for name, command in (("headrace", ours), ("floor: uvicorn and LMDB by hand", floor)):
            with server(command, root) as port:
                client = Client(port)
                found[name] = {count: _median(client, customers, count, times) for count in (1, 100)}
                client.close()
        shutil.rmtree(root)
    return found


def _median(client: Client, customers: int, count: int, times: int) -> float:
    draw, taken = random.Random(2), []
    for _ in range(times):
        body = json.dumps({"keys": [{"customer": draw.randrange(customers)} for _ in range(count)]}).encode()
        started = time.perf_counter()
        status, _ = client.post("/features/both", body)
        taken.append(time.perf_counter() - started)
        if status != 200:
            raise ValueError(f"status {status}")
    return statistics.median(taken) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=200.0, help="questions a second")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--only-latency", action="store_true")
    given = parser.parse_args()
    for name, found in latencies(given.customers, 2000).items():
        print(f"{name}: " + ", ".join(f"{count} keys {value:.3f} ms" for count, value in found.items()), flush=True)
    if given.only_latency:
        return
    load = under_load(given.seconds, given.rate, given.customers)
    print(load)
    for problem in (*load.failed[:5], *load.mixed[:5]):
        print(f"  {problem}")
    sys.exit(1 if load.failed or load.mixed else 0)


if __name__ == "__main__":
    main()
