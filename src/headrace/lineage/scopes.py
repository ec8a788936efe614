"""Which names a definition reads from outside itself, by Python's rules of scope."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from headrace.lineage.sources import Definition

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Use:
    """A name that is read from outside, with the attributes taken from it: `helpers.text.clean` as one use."""

    name: str
    attributes: tuple[str, ...] = ()


@dataclass
class _Scope:
    """What a function, class or comprehension binds and reads, what is nested in it included."""

    bound: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    uses: list[Use] = field(default_factory=list)

    def free(self) -> Iterator[Use]:
        return (use for use in self.uses if use.name not in self.bound or use.name in self.shared)


def header_uses(node: ast.AST) -> list[Use]:
    """What the decorators read."""
    return _uses(getattr(node, "decorator_list", []))


def body_uses(node: Definition) -> list[Use]:
    """What a function or class reads when it runs or is made, its decorators and a function's own defaults apart.

    >>> body_uses(ast.parse("def f(x): return [g(y) for y in x] + h.k").body[0])
    [Use(name='g', attributes=()), Use(name='h', attributes=('k',))]
    """
    scope = _Scope()
    if isinstance(node, ast.ClassDef):
        for part in (*node.bases, *node.keywords):
            _read(part, scope)
    _enter(node, scope)
    return list(dict.fromkeys(scope.free()))


def uses_of(nodes: Iterable[ast.AST]) -> list[Use]:
    """What statements or expressions of a module read."""
    return _uses(nodes)


def _uses(nodes: Iterable[ast.AST]) -> list[Use]:
    scope = _Scope()
    for node in nodes:
        _read(node, scope)
    return list(dict.fromkeys(scope.uses))


def _enter(node: Definition | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, outer: _Scope) -> None:
    """Read what stands inside a definition or comprehension in a scope of its own."""
    scope = _Scope()
    if isinstance(node, _FUNCTIONS):
        every = node.args
        given = (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg)
        scope.bound |= {one.arg for one in given if one is not None}
    for one in getattr(node, "type_params", []):
        scope.bound.add(one.name)
    for part in _inside(node):
        _read(part, scope)
    # A name of a class's body is none of its methods', and one may be read there before it is bound.
    outer.uses += scope.uses if isinstance(node, ast.ClassDef) else scope.free()
    if isinstance(node, _COMPREHENSIONS):
        walrus = (one.target.id for one in ast.walk(node) if isinstance(one, ast.NamedExpr))
        outer.bound |= set(walrus)


def _inside(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.Lambda):
        return [node.body]
    if isinstance(node, _COMPREHENSIONS):
        return ast.iter_child_nodes(node)
    return node.body  # type: ignore[attr-defined, no-any-return]  # a function or class


def _read(node: ast.AST, scope: _Scope) -> None:
    chain = chain_of(node)
    if chain is not None:
        scope.uses.append(chain)
    elif isinstance(node, ast.Name):
        scope.bound.add(node.id)
    elif isinstance(node, _COMPREHENSIONS):
        _enter(node, scope)
    elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        _define(node, scope)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        scope.shared |= set(node.names)
    else:
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            scope.uses.append(Use(node.target.id))  # read before it is written
        # except ... as name, case name, case [*name], case {**name}
        for attribute in ("name", "rest"):
            name = getattr(node, attribute, None)
            if isinstance(name, str) and not isinstance(node, ast.alias):
                scope.bound.add(name)
        for child in ast.iter_child_nodes(node):
            _read(child, scope)


def _define(node: Definition, scope: _Scope) -> None:
    if not isinstance(node, ast.Lambda):
        scope.bound.add(node.name)
        for decorator in node.decorator_list:
            _read(decorator, scope)
    if isinstance(node, ast.ClassDef):
        for part in (*node.bases, *node.keywords):
            _read(part, scope)
    else:
        _read(node.args, scope)
    returned: ast.AST | None = getattr(node, "returns", None)
    if returned is not None:
        _read(returned, scope)
    _enter(node, scope)


def chain_of(node: ast.AST) -> Use | None:
    """`a.b.c` where it is read, as one use."""
    attributes: list[str] = []
    inner: ast.AST = node
    while isinstance(inner, ast.Attribute):
        attributes.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name) or (not attributes and isinstance(inner.ctx, ast.Store)):
        return None
    return Use(inner.id, tuple(reversed(attributes)))
