"""One process writes, others read; any of them may be killed."""

import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime

import pytest

from headrace.store.online.base import Change, Fill, OnlineSchema
from headrace.store.online.lmdb_store import LmdbStore
from headrace.store.online.redis_store import RedisStore

T = datetime(2024, 5, 1, tzinfo=UTC)
KEYS = 50


def schema(version):
    return OnlineSchema(keys=(("id", "BIGINT"),), features=(("v", "BIGINT"),), version=str(version))


def fill(version, *, whole):
    return Fill([Change((key,), T, None, (version,)) for key in range(KEYS)], whole=whole)


def opened(kind, place):
    if kind == "lmdb":
        from pathlib import Path

        return LmdbStore(Path(place))
    return RedisStore(place, "processes")


WRITER = """
    import sys
    from tests.store.online.test_processes import fill, opened, schema

    store = opened(*sys.argv[1:3])
    for version in range(2, 1_000_000):
        store.fill("v", schema(version), fill(version, whole=version % 5 == 0))
        print(version, flush=True)
"""
READER = """
    import sys
    from tests.store.online.test_processes import KEYS, opened

    store = opened(*sys.argv[1:3])
    keys = [(key,) for key in range(KEYS)]
    last = 0
    for turn in range(int(sys.argv[3])):
        found = {one.values for one in store.read("v", keys)}
        assert len(found) == 1, f"values of several versions at once: {found}"
        ((version,),) = found
        assert version >= last
        last = version
    print("read", last)
"""


def start(code, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", ["lmdb", "redis"])
def test_readers_never_meet_half_a_fill_and_a_kill_loses_nothing(kind, tmp_path, request):
    place = tmp_path / "online" if kind == "lmdb" else request.getfixturevalue("redis_url")
    store = opened(kind, place)
    store.fill("v", schema(1), fill(1, whole=True))
    for _ in range(2):
        writer = start(WRITER, kind, place)
        acknowledged = int(writer.stdout.readline())
        readers = [start(READER, kind, place, 200) for _ in range(2)]
        for reader in readers:
            out, error = reader.communicate(timeout=60)
            assert reader.returncode == 0, error
            assert out.startswith("read")
        time.sleep(0.01)
        writer.kill()
        rest, _ = writer.communicate()
        acknowledged = int((rest.split() or [acknowledged])[-1])
        values = {one.values for one in store.read("v", [(key,) for key in range(KEYS)])}
        ((version,),) = values
        # A fill may be done without having been told.
        assert version in (acknowledged, acknowledged + 1)
        assert store.describe("v").version == str(version)
        store.fill("v", schema(version + 1), fill(version + 1, whole=False))
        store.fill("v", schema(1), fill(1, whole=True))
    store.close()
