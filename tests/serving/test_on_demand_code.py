"""On-demand code that changes: a process answers by the code that was built with, or says that it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

import headrace as hr
from headrace.errors import OnDemandError
from headrace.serving.http.app import create_app
from tests.serving.asking import ask
from tests.serving.shop import forget, write_shop

PACKAGE = "moving_shop"
QUESTION = ({"customer_id": 3, "shop": "north", "product_id": 1}, {"basket_value": 69.0})
BUILD = """
import sys
from pathlib import Path
from headrace.builder.build import build
from headrace.builder.project import load_project
sys.exit(len(build(load_project(Path(sys.argv[1]))).failed))
"""


@pytest.fixture
def shop(tmp_path):
    root = write_shop(tmp_path / "shop", PACKAGE)
    build(root)
    yield root
    forget(PACKAGE, root)


def build(root):
    subprocess.run([sys.executable, "-c", BUILD, str(root)], check=True)


def edit(root, old, new):
    path = root / PACKAGE / "declared.py"
    path.write_text(path.read_text().replace(old, new))


def ratio(store):
    return store.online("purchase", *QUESTION)[0]["basket_ratio"]


def test_a_running_process_goes_on_by_its_own_code_and_says_so(shop):
    with hr.FeatureStore(shop) as store:
        assert ratio(store) == 1.0
        edit(shop, "FACTOR = 1.0", "FACTOR = 2.0")
        assert ratio(store) == 1.0
        assert store.outdated == {}
        build(shop)
        assert ratio(store) == 1.0
        assert "is not what environment 'dev' was built with" in store.outdated["purchase"]
        assert ask(create_app(store), "GET", "/health")[2]["status"] == "outdated"
        edit(shop, "FACTOR = 2.0", "FACTOR = 1.0")
        build(shop)
        assert ratio(store) == 1.0
        assert store.outdated == {}


def test_code_that_was_not_built_with_is_refused(shop):
    edit(shop, "FACTOR = 1.0", "FACTOR = 2.0")
    with hr.FeatureStore(shop) as store:
        with pytest.raises(OnDemandError, match=r"the code of .*:basket_ratio is not what environment 'dev' was built"):
            ratio(store)
        assert store.online("simple", {"customer_id": 3})[0]["amount"] == 43.0
    code = f"""
import headrace as hr
print(hr.FeatureStore({str(shop)!r}).online("purchase", *{QUESTION})[0]["basket_ratio"])
"""
    build(shop)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2.0"


def test_a_function_that_is_gone_is_named(shop):
    edit(shop, "def basket_ratio(df)", "def other_ratio(df)")
    edit(shop, "price, basket_ratio]", "price, other_ratio]")
    with hr.FeatureStore(shop) as store, pytest.raises(OnDemandError, match="basket_ratio is no on-demand feature any"):
        ratio(store)
