"""Declarations whose data may differ from build to build say so."""

from __future__ import annotations

import importlib
import sys
import textwrap
import warnings

import pytest

import headrace as hr
from headrace.lineage.determinism import NondeterminismWarning, unstable_python, warn_if_unstable

ORDERS = hr.Source("orders", path="o.csv")


@pytest.fixture
def view(tmp_path, monkeypatch):
    """`view` of a module of this text."""

    def load(text: str):
        (tmp_path / "unstable_views.py").write_text(textwrap.dedent(text))
        sys.modules.pop("unstable_views", None)
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module("unstable_views").view

    yield load
    sys.modules.pop("unstable_views", None)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("import datetime\ndef view(df): return datetime.datetime.now()", "view: datetime.datetime.now is the moment"),
        ("import datetime as dt\ndef view(df): return dt.date.today()", "view: datetime.date.today is the moment"),
        ("from datetime import datetime as d\ndef view(df): return d.utcnow()", "datetime.datetime.utcnow is the"),
        ("from time import time as at\ndef view(df): return at()", "view: time.time is the moment of the build"),
        ("def view(df):\n    from time import perf_counter\n    return perf_counter()", "time.perf_counter is the"),
        ("import time\ndef g(): return time.time_ns()\ndef view(df): return g()", "g: time.time_ns is the moment"),
        ("import datetime\ndef view(df, f=datetime.datetime.now): return f()", "datetime.datetime.now is the moment"),
        ("import random\ndef view(df): return random.random()", "random.random draws anew"),
        ("from random import choice\ndef view(df): return choice(df)", "random.Random.choice draws anew"),
        ("import random\ndef view(df): return random.Random().random()", "random.Random without a seed draws anew"),
        ("import numpy as np\ndef view(df): return np.random.rand(3)", "numpy.random.rand draws anew"),
        ("from numpy.random import normal\ndef view(df): return normal()", "RandomState.normal draws anew"),
        ("import numpy as np\ndef view(df): return np.random.default_rng()", "default_rng without a seed draws anew"),
        ("import uuid\ndef view(df): return uuid.uuid4()", "uuid.uuid4 draws anew"),
        ("import os\ndef view(df): return os.environ['A']", "os.environ reads what lineage cannot see"),
        ("import os\ndef view(df): return os.getenv('A')", "os.getenv reads what lineage cannot see"),
        ("def view(df): return open('a').read()", "open reads what lineage cannot see"),
        ("from pathlib import Path\ndef view(df): return Path('a').read_text()", "read_text.. reads what lineage"),
        ("import polars as pl\ndef view(df): return pl.read_csv('a')", "polars.read_csv reads what lineage"),
        ("from polars import scan_parquet\ndef view(df): return scan_parquet('a')", "scan_parquet reads what"),
        ("import requests\ndef view(df): return requests.get('a')", "requests.get reads what lineage cannot see"),
        ("import polars as pl\ndef view(df): return pl.col('a').shuffle()", "shuffle.. without a seed draws anew"),
        ("def view(df): return df.sample(fraction=0.1)", "sample.. without a seed draws anew"),
        ("def view(df): return df.unique(subset=['a'])", "unique.. keeps any of the rows that tie"),
        ("def view(df): return hash(df)", "builtins.hash differs from process to process"),
        ("def view(df): return list({'a', 'b'})", "a set gives its elements in an order that differs"),
        ("def view(df): return [x for x in set(df)]", "a set gives its elements in an order that differs"),
        ("def view(df): return ','.join(set(df))", "a set gives its elements in an order that differs"),
        ("import time\nNOW = time.time()\ndef view(df): return NOW", "view: NOW, set on import: time.time is the"),
        (
            "from sklearn.model_selection import train_test_split\ndef view(df): return train_test_split(df)",
            "train_test_split without a seed draws anew",
        ),
    ],
)
def test_unstable_python(view, text, phrase):
    found = unstable_python(view(text))
    assert len(found) == 1
    with pytest.raises(ValueError, match=phrase):
        raise ValueError(found[0])


@pytest.mark.parametrize(
    "text",
    [
        "import datetime as dt\ndef view(df): return dt.datetime(2020, 1, 1), dt.date.fromisoformat(df)",
        "import numpy as np\ndef view(df): return np.random.default_rng(3).normal()",
        "import random\ndef view(df):\n    r = random.Random(3)\n    r.shuffle(df)\n    return r.sample(df, 3)",
        "import polars as pl\ndef view(df): return pl.col('a').shuffle(seed=1), df.sample(3, seed=2)",
        "def view(df): return df.unique(subset='a', keep='first'), df.unique()",
        "def view(df): return sorted({'a', 'b'}), 'a' in {'a'}",
        "import time\nNOW = time.time()\ndef view(df, time): return time.time()",
        "import os\nHOME = os.environ.get('HOME')\ndef view(df): return HOME",
        "import uuid\ndef view(df): return uuid.uuid5(uuid.NAMESPACE_URL, df)",
        (
            "from sklearn.model_selection import train_test_split\n"
            "def view(df): return train_test_split(df, random_state=1)"
        ),
    ],
)
def test_stable_python(view, text):
    assert unstable_python(view(text)) == ()


def test_a_view_of_sql_warns_with_what_it_means():
    @hr.feature_view(entity=None)
    def recent(orders=ORDERS):
        return f"select * from {orders} where at > now() - interval 7 day"

    with pytest.warns(
        NondeterminismWarning, match=r"FeatureView\('recent'\): now\(\) is the moment .*--verify"
    ) as told:
        warn_if_unstable(recent)
    assert told[0].message.where == "FeatureView('recent')"
    assert told[0].message.reasons == ("now() is the moment of the build",)


def test_a_view_of_python_warns(view):
    declared = view(
        """
        import random
        import headrace as hr
        import polars as pl

        orders = hr.Source("orders", path="o.csv")

        @hr.feature_view(entity=None)
        def view(orders: pl.DataFrame):
            return orders.with_columns(draw=random.random())
        """
    )
    with pytest.warns(NondeterminismWarning, match="unstable_views:view: random.random draws anew in every build"):
        warn_if_unstable(declared)


def test_what_is_stable_or_refused_says_nothing(view):
    refused = (
        "import headrace as hr\nimport polars as pl\norders = hr.Source('orders', path='o.csv')\nHELD = object()\n"
    )
    refused += "@hr.feature_view(entity=None)\ndef view(orders: pl.DataFrame): return HELD"

    @hr.feature_view(entity=None)
    def counted(orders=ORDERS):
        return f"select count(*) as n from {orders}"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_unstable(ORDERS)
        warn_if_unstable(counted)
        warn_if_unstable(view(refused))
