"""A project whose online store is Redis, as pyproject.toml says."""

import pytest

from headrace.builder.build import build
from headrace.builder.online import online_is_current
from headrace.errors import ProjectError
from headrace.serving.push import push
from headrace.settings import read_settings
from tests.builder.online_shop import ROWS, described, last_order, read, shop, write
from tests.serving.test_push import order


@pytest.fixture
def project(tmp_path, redis_url):
    setting = f'[tool.headrace]\nenvironment = "{tmp_path.name.replace("_", "")}"\n'
    (tmp_path / "pyproject.toml").write_text(f'{setting}[tool.headrace.online]\nurl = "{redis_url}"\n')
    write(tmp_path)
    made = shop(tmp_path)
    report = build(made)
    assert not report.failed, report.failed
    return made


def test_builds_fill_it_and_pushes_reach_it(project):
    assert read(project, "last_order", 1, 2, 3) == [(20.0, "b"), (5.0, None), None]
    assert read(project, "activity", 2) == [(0, 1, None, None)]
    write(project.root, {**ROWS, 4: "2,2024-01-08,7.0,a"})
    report = build(shop(project.root))
    assert (report.failed, report.notes, len(report.replays)) == ({}, [], 2)
    assert read(project, "last_order", 1, 2) == [(20.0, "b"), (7.0, "a")]
    assert push(project.root, last_order, [order(5, 1, 9, 2.0)]).online == ("activity", "last_order")
    assert read(project, "last_order", 1) == [(2.0, "a")]
    assert read(project, "activity", 1) == [(1, 1, 2.0, "a")]
    assert not (project.store_folder / "online").exists()


def test_what_it_lost_is_filled_again(project, redis_url):
    import redis

    assert online_is_current(project)
    with redis.Redis.from_url(redis_url) as client:
        for name in client.scan_iter(f"headrace:{project.environment}:*"):
            client.delete(name)
    assert described(project, "last_order") is None
    assert not online_is_current(project)
    assert not build(shop(project.root)).failed
    assert read(project, "last_order", 1) == [(20.0, "b")]


def test_a_server_that_is_down_fails_the_build_by_name(tmp_path):
    url = "redis://user:secret@127.0.0.1:1/0"
    (tmp_path / "pyproject.toml").write_text(f'[tool.headrace]\n[tool.headrace.online]\nurl = "{url}"\n')
    write(tmp_path)
    report = build(shop(tmp_path))
    assert set(report.failed) == {"online/activity", "online/last_order"}
    message = str(report.failed["online/activity"])
    assert "Redis at 127.0.0.1:1/0 failed" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [('url = "mysql://x"', "url must begin with redis://, got 'mysql://x'"), ("ulr = 1", "Did you mean 'url'")],
)
def test_settings_that_mean_nothing(tmp_path, text, message):
    (tmp_path / "pyproject.toml").write_text(f"[tool.headrace.online]\n{text}\n")
    with pytest.raises(ProjectError, match=message):
        read_settings(tmp_path)
