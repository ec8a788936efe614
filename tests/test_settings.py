"""[tool.headrace] of pyproject.toml."""

from __future__ import annotations

import pytest

from headrace.errors import ProjectError
from headrace.settings import read_settings


def settings(folder, text):
    (folder / "pyproject.toml").write_text(f"[tool.headrace]\n{text}", encoding="utf-8")
    return read_settings(folder)


def test_nothing_is_asked_for_unless_it_says_so(tmp_path):
    rules = settings(tmp_path, "").governance
    assert (rules.require_owners, dict(rules.require_tags), rules.allow_sensitive) == ((), {}, ())


@pytest.mark.parametrize(
    ("text", "owners", "tags"),
    [
        ("require_owners = ['features']", ("features",), None),
        ("require_owners = false", (), None),
        ("require_tags = ['domain', 'tier']", (), ("domain", "tier")),
        ("[tool.headrace.governance.require_tags]\nfeatures = ['domain']", (), ("domain",)),
    ],
)
def test_governance_is_for_layers(tmp_path, text, owners, tags):
    rules = settings(tmp_path, f"[tool.headrace.governance]\n{text}").governance
    assert (rules.require_owners, rules.require_tags.get("features")) == (owners, tags)


def test_owners_for_all_means_every_layer(tmp_path):
    rules = settings(tmp_path, "[tool.headrace.governance]\nrequire_owners = true").governance
    assert {"sources", "features", "services", "cascades"} <= set(rules.require_owners)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("governance = 3", r"\[tool.headrace.governance\] must be a table, got 3"),
        ("[tool.headrace.governance]\nowners = true", "unknown setting 'owners'.*Known: allow_sensitive"),
        ("[tool.headrace.governance]\nrequire_owners = ['feature']", "names no layer: 'feature'. Layers: cascades, f"),
        ("[tool.headrace.governance]\nrequire_owners = 'features'", "must be a list of texts, got 'features'"),
        ("[tool.headrace.governance]\nrequire_tags = 3", "require_tags must be a list of texts, got 3"),
        ("[tool.headrace.governance]\nallow_sensitive = 'a'", "allow_sensitive must be a list of texts"),
    ],
)
def test_mistakes(tmp_path, text, message):
    with pytest.raises(ProjectError, match=message):
        settings(tmp_path, text)
