"""A directed graph without cycles as an indented tree, or as its edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Children = Callable[[str], Sequence[str]]


def tree_lines(root: str, children: Children) -> list[str]:
    """What is below `root`, one line a node; what was shown before is not unfolded again.

    >>> tree_lines("a", lambda node: {"a": ["b", "c"], "b": ["c"]}.get(node, []))
    ['├── b', '│   └── c', '└── c']
    """
    shown: set[str] = set()
    return list(_below(root, children, "", shown))


def _below(node: str, children: Children, indent: str, shown: set[str]) -> Iterator[str]:
    found = children(node)
    for number, child in enumerate(found):
        last = number == len(found) - 1
        again = child in shown and bool(children(child))
        yield f"{indent}{'└── ' if last else '├── '}{child}{'  (see above)' if again else ''}"
        if not again:
            shown.add(child)
            yield from _below(child, children, f"{indent}{'    ' if last else '│   '}", shown)


def edges(root: str, children: Children) -> list[tuple[str, str]]:
    """Every `(node, child)` at or below `root`, each once.

    >>> edges("a", lambda node: {"a": ["b", "c"], "b": ["c"]}.get(node, []))
    [('a', 'b'), ('a', 'c'), ('b', 'c')]
    """
    found: dict[tuple[str, str], None] = {}
    waiting, seen = [root], {root}
    while waiting:
        node = waiting.pop(0)
        for child in children(node):
            found[node, child] = None
            if child not in seen:
                seen.add(child)
                waiting.append(child)
    return list(found)
