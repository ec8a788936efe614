"""A directed graph without cycles as an indented tree, or as its edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

Via = Literal["value", "rows"]


class Link(NamedTuple):
    """A neighbour of a node, and how the two hang together: by a value, or by which rows there are."""

    node: str
    via: Via = "value"


Children = Callable[[str], Sequence[Link]]
Say = Callable[[Link], str]


def tree_lines(
    root: str,
    children: Children,
    say: Say = lambda link: link.node,
    parts: Callable[[str], Sequence[str]] = lambda node: (node,),
) -> list[str]:
    """What is below `root`, one line a node; what was shown before is not unfolded again.

    Args:
        say: how a node is written.
        parts: what a node consists of; it was shown before when each of these was.

    >>> tree_lines("a", lambda node: [Link(one) for one in {"a": "bc", "b": "c"}.get(node, "")])
    ['├── b', '│   └── c', '└── c']
    """
    shown: set[str] = set()

    def below(node: str, indent: str) -> Iterator[str]:
        found = children(node)
        for number, link in enumerate(found):
            last = number == len(found) - 1
            again = shown.issuperset(parts(link.node)) and bool(children(link.node))
            yield f"{indent}{'└── ' if last else '├── '}{say(link)}{'  (see above)' if again else ''}"
            if not again:
                shown.update(parts(link.node))
                yield from below(link.node, f"{indent}{'    ' if last else '│   '}")

    return list(below(root, ""))


def edges(root: str, children: Children) -> list[tuple[str, Link]]:
    """Every `(node, link to a child)` at or below `root`, each once.

    >>> [(node, link.node) for node, link in edges("a", lambda node: [Link("b")] if node == "a" else [])]
    [('a', 'b')]
    """
    found: dict[tuple[str, Link], None] = {}
    waiting, seen = [root], {root}
    while waiting:
        node = waiting.pop(0)
        for link in children(node):
            found[node, link] = None
            if link.node not in seen:
                seen.add(link.node)
                waiting.append(link.node)
    return list(found)
