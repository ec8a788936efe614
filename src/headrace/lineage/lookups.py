"""Names written as text, `getattr(module, "scale")` or `globals()["RATE"]`, and those that no text tells."""

from __future__ import annotations

import ast
import importlib.util
from typing import Any

_HINTS = frozenset({"getattr", "globals", "vars", "eval", "exec", "__import__", "import_module", "modules", "__dict__"})


class Lookups(ast.NodeTransformer):
    """Rewrites lookups by a literal name into plain names, and notes the others.

    Attributes:
        modules: full names of modules by the stand-ins that took the place of what imports them.
            What is left of `globals()` is the name `globals`.
        problem: what reaches code that cannot be found, such as `exec`, as a person would say it.
    """

    def __init__(self, package: str, module: str) -> None:
        self.modules: dict[str, str] = {}
        self.problem: str | None = None
        self._package = package
        self._module = module

    @staticmethod
    def needed(node: ast.AST) -> bool:
        return any(
            (isinstance(one, ast.Name) and one.id in _HINTS) or (isinstance(one, ast.Attribute) and one.attr in _HINTS)
            for one in ast.walk(node)
        )

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        function = ast.unparse(node.func)
        literal = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
        if function == "getattr" and len(literal) > 1 and isinstance(literal[1], str):
            found = ast.Attribute(node.args[0], literal[1], ast.Load())
            return ast.Tuple([found, *node.args[2:]], ast.Load()) if node.args[2:] else found
        if function == "vars" and len(node.args) == 1:
            return ast.Attribute(node.args[0], "__dict__", ast.Load())
        if function == "globals.get" and literal and isinstance(literal[0], str):
            return ast.Tuple([ast.Name(literal[0], ast.Load()), *node.args[1:]], ast.Load())
        if function == "globals":
            return ast.Name("globals", ast.Load())
        if function == "__import__" or function.rpartition(".")[2] == "import_module":
            return self._import(node, literal)
        if function in ("eval", "exec"):
            self.problem = f"runs text as code with {function}()"
        return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        holder = node.value
        if isinstance(holder, ast.Name) and holder.id == "globals" and isinstance(key, str):
            return ast.Name(key, ast.Load())
        if isinstance(holder, ast.Attribute) and holder.attr == "__dict__" and isinstance(key, str):
            return ast.Attribute(holder.value, key, ast.Load())
        if ast.unparse(holder) == "sys.modules":
            own = isinstance(node.slice, ast.Name) and node.slice.id == "__name__"
            name = self._module if own else key
            if not isinstance(name, str):
                self.problem = "takes a module from sys.modules by a name that only the run knows"
                return node
            return self._stand_in(name)
        return node

    def _import(self, node: ast.Call, literal: list[Any]) -> ast.expr:
        if not literal or not isinstance(literal[0], str):
            self.problem = "imports a module by a name that only the run knows"
            return node
        if literal[0].startswith("."):
            return self._stand_in(importlib.util.resolve_name(literal[0], self._package))
        # __import__("a.b") gives a.
        whole = ast.unparse(node.func) != "__import__"
        return self._stand_in(literal[0] if whole else literal[0].partition(".")[0])

    def _stand_in(self, name: str) -> ast.Name:
        self.modules[f"import {name}"] = name
        return ast.Name(f"import {name}", ast.Load())
