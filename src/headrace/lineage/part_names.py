"""What people call the parts of a fingerprint: functions with their files, constants, raw files, declared fields."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from headrace.lineage.canonical import canonical_json

PartKind = Literal["code", "constant", "file", "declaration"]
_HASH = re.compile(r"[0-9a-f]{32}")
_LONGEST = 80
_OURS = {"headrace": "how Headrace computes it", "sql": "its SQL", "code parameters": "what its code is called with"}


def part_kind(name: str, value: Any) -> PartKind:
    """What a part is; of code there is a hash, of a constant that code uses its text."""
    if name.startswith(("file ", "rows ")):
        return "file"
    if name == "sql":
        return "code"
    if not name.startswith("code "):
        return "declaration"
    return "code" if _HASH.fullmatch(str(value)) else "constant"


def part_name(name: str, value: Any) -> str:
    """A part as people call it.

    >>> part_name("code assets.features:clean_amount", "0" * 32)
    '`clean_amount` in assets/features.py'
    >>> part_name("code assets.features:clean_amount.LIMIT", "3")
    '`LIMIT` of `clean_amount` in assets/features.py'
    >>> part_name("file orders.csv", "..."), part_name("library scikit-learn", "1.9.1")
    ('orders.csv', 'scikit-learn')
    """
    if name in _OURS:
        return _OURS[name]
    if not name.startswith("code "):
        return name.removeprefix("file ").removeprefix("library ")
    module, colon, title = name.removeprefix("code ").partition(":")
    if not colon:
        return file_of(module)
    title = title.replace(".<locals>.", ".").replace("<lambda>", "lambda")
    owner, dot, constant = title.rpartition(".")
    if dot and part_kind(name, value) == "constant":
        return f"`{constant}` of `{owner}` in {file_of(module)}"
    return f"`{title}` in {file_of(module)}"


def file_of(module: str) -> str:
    """The file of a module, from the project's folder.

    >>> file_of("assets.features")
    'assets/features.py'
    """
    is_package = hasattr(sys.modules.get(module), "__path__")
    return f"{module.replace('.', '/')}{'/__init__' if is_package else ''}.py"


def part_change(name: str, before: Any, now: Any) -> str:
    """What a person would say of a part that was `before` and is something else now.

    >>> part_change("ttl", "1d", "2d")
    'ttl changed from 1d to 2d'
    >>> part_change("estimator", {"class": "Ridge", "alpha": 1.0}, {"class": "Ridge", "alpha": 0.5})
    'estimator: alpha changed from 1.0 to 0.5'
    """
    subject = part_name(name, now if before is None else before)
    if before is None:
        return f"{subject} is new"
    if now is None:
        return f"{subject} was removed"
    if part_kind(name, before) not in ("constant", "declaration"):
        return f"{subject} changed"
    differing = list(_leaves(before, now, ""))
    if len(differing) != 1:
        paths = [path for path, _, _ in differing if path]
        return (
            f"{subject} changed ({', '.join(paths)})" if 0 < len(", ".join(paths)) < _LONGEST else f"{subject} changed"
        )
    path, old, new = differing[0]
    where = f"{subject}: {path}" if path else subject
    old, new = _show(old), _show(new)
    return f"{where} changed from {old} to {new}" if old != new and len(old + new) < _LONGEST else f"{where} changed"


def _leaves(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The innermost values that differ, with the names that lead to them."""
    if not isinstance(before, Mapping) or not isinstance(now, Mapping):
        yield path, before, now
        return
    for key in dict.fromkeys((*before, *now)):
        if canonical_json(before.get(key)) != canonical_json(now.get(key)):
            inner = path if key == "parameters" else f"{path}.{key}" if path else str(key)
            yield from _leaves(before.get(key), now.get(key), inner)


def _show(value: Any) -> str:
    """A short list as its words, as in `sum amount 7d`; anything else as it is."""
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return " ".join(str(one) for one in value if one is not None)
    return str(value)
