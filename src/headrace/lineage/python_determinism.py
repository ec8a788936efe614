"""What a Python function's result depends on besides its inputs' rows: the clock, chance, files, the environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from headrace.lineage.code import Reached
from headrace.lineage.names import Read, Scope
from headrace.lineage.scopes import Use, body_uses, chain_of, header_uses, uses_of
from headrace.lineage.sources import Definition, module_tree

_CLOCK = "is the moment of the build"
_CHANCE = "draws anew in every build"
_UNSEEN = "reads what lineage cannot see"
_PROCESS = "differs from process to process"
_SETS = "gives its elements in an order that differs from process to process"
# Full names, as `Scope.meaning` tells them, and what is to be said of them.
_NAMES = [
    (r"datetime\.(datetime|date)\.(now|today|utcnow)", _CLOCK),
    (r"time\.(asctime|ctime|gmtime|localtime|monotonic|perf_counter|process_time|strftime|time)(_ns)?", _CLOCK),
    (r"pandas\.(.*\.)?Timestamp\.(now|today|utcnow)", _CLOCK),
    (r"random\.(?!Random$|SystemRandom$).*|secrets\..*|uuid\.uuid[14]|os\.urandom", _CHANCE),
    (r"numpy\.random\.((mtrand\.)?RandomState\.\w+|(?!default_rng$)[a-z_]+)", _CHANCE),
    (r"os\.(environ|getenv|listdir|scandir|walk|getcwd|stat)\b.*|(builtins|io|_io)\.open|builtins\.input", _UNSEEN),
    (
        r"(polars|pandas|pyarrow|duckdb)\.(.*\.)?(read|scan)_\w+|numpy\.(load|loadtxt|genfromtxt|fromfile|memmap)",
        _UNSEEN,
    ),
    (r"(requests|httpx|urllib\.request|urllib3|subprocess|socket|boto3|s3fs|fsspec)\..*|glob\.i?glob", _UNSEEN),
    (r"(pickle|joblib|sqlite3)\.(load|connect)|sys\.(argv|stdin)\b.*", _UNSEEN),
    (r"builtins\.(hash|id)", _PROCESS),
]
_MEANINGS = [(re.compile(pattern), phrase) for pattern, phrase in _NAMES]
# What draws anew unless it is given a seed.
_NEEDS_SEED = re.compile(
    r"numpy\.random\.(.*\.)?(default_rng|RandomState)|random\.Random"
    r"|sklearn\..*\b(train_test_split|shuffle|resample|make_\w+|\w*Forest\w*|ExtraTree\w*|\w*KMeans|MLP\w+|TSNE)"
)
_READING_METHODS = frozenset({"read_bytes", "read_text", "iterdir", "rglob"})
_TAKES_AN_ORDER = frozenset({"list", "tuple", "enumerate", "iter", "next"})


def unstable_python(function: Callable[..., Any]) -> tuple[str, ...]:
    """Why a function may give other data from the same inputs, one phrase a reason; empty where none is found.

    Looks at the function and at all user code it reaches, and at what a module's constants were made of. Raises
    DeclarationError where a fingerprint would be refused.

    >>> unstable_python(len)
    ()
    """
    reached = Reached(getattr(function, "__qualname__", repr(function)))
    reached.describe("code", function)
    found = [
        f"{name.removeprefix('code ')}: {phrase}"
        for name, (value, nodes) in reached.trees.items()
        for node in nodes
        for phrase in _in_code(value, node)
    ]
    found += [phrase for name, read in reached.constants for phrase in _in_constant(name, read)]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=8192)
def _in_code(value: Any, node: Definition) -> tuple[str, ...]:
    scope = Scope.with_imports(value, node)
    free = {use.name for use in (*body_uses(node), *header_uses(node), *_uses_of_defaults(node))}
    return tuple(_phrases(node, scope, free))


def _in_constant(name: str, read: Read) -> Iterator[str]:
    """A constant that is another whenever the module is imported makes another version each time."""
    tree = module_tree(read.holder) if read.holder is not None else None
    for node in tree.body if tree is not None else ():
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == read.name for one in targets):
            scope = Scope.of_module(read.holder)
            for phrase in _phrases(node, scope, {use.name for use in uses_of([node])}):
                if not phrase.endswith(_UNSEEN):
                    yield f"{name.removeprefix('code ')}: {read.label}, set on import: {phrase}"


def _uses_of_defaults(node: Definition) -> list[Use]:
    every = getattr(node, "args", None)
    return uses_of([one for one in (*every.defaults, *every.kw_defaults) if one is not None]) if every else []


def _phrases(node: ast.AST, scope: Scope, free: set[str]) -> Iterator[str]:
    every = list(ast.walk(node))
    inner = {id(one.value) for one in every if isinstance(one, ast.Attribute)}
    for one in every:
        use = chain_of(one) if id(one) not in inner else None
        if use is not None and use.name in free:
            meaning = scope.meaning(use) or ""
            yield from (f"{meaning} {phrase}" for pattern, phrase in _MEANINGS if pattern.fullmatch(meaning))
        if isinstance(one, ast.Call):
            yield from _of_call(one, scope, free)
        iterated = getattr(one, "iter", None) if isinstance(one, ast.For | ast.comprehension) else None
        if iterated is not None and _is_set(iterated):
            yield f"a set {_SETS}"


def _of_call(call: ast.Call, scope: Scope, free: set[str]) -> Iterator[str]:
    use = chain_of(call.func)
    meaning = (scope.meaning(use) or "") if use is not None and use.name in free else ""
    given = {one.arg for one in call.keywords}
    seeded = bool({"seed", "random_state", None} & given)
    first = call.args[0] if call.args else None
    if _NEEDS_SEED.fullmatch(meaning) and not seeded and (meaning.startswith("sklearn.") or first is None):
        yield f"{meaning} without a seed {_CHANCE}"
    if isinstance(call.func, ast.Attribute) and not meaning.startswith(("random.", "numpy.", "sklearn.")):
        yield from _of_method(call.func.attr, call, given, seeded)
    ordering = isinstance(call.func, ast.Name) and call.func.id in _TAKES_AN_ORDER
    joins = isinstance(call.func, ast.Attribute) and call.func.attr == "join"
    if first is not None and (ordering or joins) and _is_set(first):
        yield f"a set {_SETS}"


def _of_method(name: str, call: ast.Call, given: set[str | None], seeded: bool) -> Iterator[str]:
    if name == "shuffle" and not call.args and not seeded:
        yield f"shuffle() without a seed {_CHANCE}"
    if name == "sample" and len(call.args) < 2 and not seeded:
        yield f"sample() without a seed {_CHANCE}"
    if name == "unique" and "subset" in given and not {"keep", "maintain_order"} & given:
        yield "unique() keeps any of the rows that tie"
    if name in _READING_METHODS:
        yield f"{name}() {_UNSEEN}"


def _is_set(node: ast.expr) -> bool:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    return called or isinstance(node, ast.Set | ast.SetComp)
