"""Syntax trees in a form that only meaning changes: without docstrings and annotations, the same on every Python."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# What only says how a tree was parsed or written, or follows from where a node stands.
_FIELDS_WITHOUT_MEANING = frozenset({"ctx", "kind", "type_comment"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

KeepsAnnotations = Callable[[ast.expr], bool]


def hash_of(*trees: ast.AST) -> str:
    """32 hex digits that identify trees, whatever Python parsed them."""
    text = "\n".join(dump(tree) for tree in trees)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def dump(node: Any) -> str:
    """A tree as text, the same on every Python: fields by name, empty ones left out, as older trees lack newer fields.

    >>> dump(ast.parse("x = (1)").body[0])
    'Assign(targets=[Name(id=x)],value=Constant(int 1))'
    """
    if isinstance(node, ast.Constant):
        return f"Constant({type(node.value).__name__} {node.value!r})"
    if isinstance(node, ast.JoinedStr):
        return f"JoinedStr({_listed(_joined(node.values))})"
    if isinstance(node, ast.AST):
        fields = sorted(name for name in node._fields if name not in _FIELDS_WITHOUT_MEANING)
        held = ((name, getattr(node, name, None)) for name in fields)
        shown = (f"{name}={dump(value)}" for name, value in held if value is not None and value != [])
        return f"{type(node).__name__}({','.join(shown)})"
    return f"[{_listed(node)}]" if isinstance(node, list) else str(node)


def _listed(nodes: Iterable[Any]) -> str:
    return ",".join(dump(node) for node in nodes)


def _joined(values: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """The parts of an f-string, its texts in one piece: Pythons differ in where they cut them."""
    text = ""
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        if text:
            yield ast.Constant(text)
        text = ""
        yield value
    if text:
        yield ast.Constant(text)


def without_words(node: ast.AST, keeps_annotations: KeepsAnnotations) -> Any:
    """A copy of `node` without docstrings, annotations of functions and statements that do nothing.

    `keeps_annotations` says of a decorator whether it may read the annotations of what it decorates.
    """
    return _Strip(keeps_annotations).visit(copy_of(node))


def copy_of(node: Any) -> Any:
    """As `copy.deepcopy` of a tree, a few times faster."""
    if isinstance(node, list):
        return [copy_of(one) for one in node]
    if not isinstance(node, ast.AST):
        return node
    copied = type(node).__new__(type(node))
    vars(copied).update((name, copy_of(value)) for name, value in vars(node).items())
    return copied


class _Strip(ast.NodeTransformer):
    def __init__(self, keeps_annotations: KeepsAnnotations) -> None:
        self._keeps_annotations = keeps_annotations
        self._in_function = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if not any(self._keeps_annotations(one) for one in node.decorator_list):
            node.returns = None
            every = node.args
            for one in (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg):
                if one is not None:
                    one.annotation = None
        return self._inside(node, in_function=True)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # What a class annotates are fields, to dataclasses, pandera and others.
        return self._inside(node, in_function=False)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return self._inside(node, in_function=True)

    def _inside(self, node: Any, *, in_function: bool) -> ast.AST:
        before, self._in_function = self._in_function, in_function
        self.generic_visit(node)
        self._in_function = before
        return node  # type: ignore[no-any-return]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if not self._in_function:
            return node
        return None if node.value is None else ast.Assign(targets=[node.target], value=node.value)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        self.generic_visit(node)
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Pass(self, node: ast.Pass) -> None:
        return None


def words_of(node: ast.AST) -> list[str]:
    """The docstrings and annotations in a tree, for code that reads them as data."""
    found = []
    for one in ast.walk(node):
        if isinstance(one, (*_FUNCTIONS, ast.ClassDef)):
            found.append(f"{one.name}: {ast.get_docstring(one)}")
        if isinstance(one, _FUNCTIONS) and one.returns is not None:
            found.append(dump(one.returns))
        if isinstance(one, ast.arg) and one.annotation is not None:
            found.append(f"{one.arg}: {dump(one.annotation)}")
    return found
