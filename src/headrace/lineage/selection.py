"""Which assets a person means: names, globs, attributes and `+`, as in Dagster's selections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from headrace.declarations.base import Declaration
from headrace.declarations.index import Index
from headrace.declarations.online import OnlineView
from headrace.errors import SelectionError, UnknownAsset, closest, name_list
from headrace.lineage.graph import Graph
from headrace.lineage.kinds import kinds
from headrace.lineage.selection_words import Word, words_in

ATTRIBUTES = ("key", "group", "kind", "tag", "owner")
_FUNCTIONS = ("roots", "sinks")
_KEPT_BESIDE = (Index.kind, OnlineView.kind)
# What Dagster's webserver knows besides: it has no meaning before something ran, or none here.
_DAGSTER_ONLY = frozenset(
    {"automation_type", "changed_in_branch", "code_location", "column", "column_tag", "is", "job", "partitions"}
    | {"schedule", "sensor", "status", "table_name"}
)


def select(graph: Graph, selection: Sequence[str]) -> tuple[str, ...]:
    """The keys that a selection means, upstream first; nothing given means all.

    `features/activity` or `activity` is one asset, `features/*` a glob; `key:`, `group:`, `kind:`, `tag:name=value` and
    `owner:` say what is meant. `+x` is x and everything upstream, `x+` everything downstream, at every distance; `2+x`
    and `x+1` go so many levels. `roots(...)` and `sinks(...)` are the first and last of a selection. Terms are joined
    by `and`, `or`, `not` and parentheses; those merely beside each other, or after a comma, are all meant. What Dagster
    accepts too means the same there, apart from a name without `key:`, whose `x+` goes one level in Dagster.

    Raises UnknownAsset for a name that no asset has, SelectionError for what cannot be read or means no asset.
    """
    if not selection:
        return graph.keys
    text = " ".join(selection)
    chosen = _Selection(graph, text).keys()
    if not chosen:
        raise SelectionError(text, 0, "No asset is in this selection.")
    return tuple(key for key in graph.keys if key in chosen)


def keys_named(name: str, keys: Iterable[str]) -> list[str]:
    """The keys that a name may mean: the whole key, else what follows the first slash, else the last part (a stage).

    What a view keeps beside it has the view's name, and is meant only where there is nothing else of that name.

    >>> keys_named("age_band", ["cascades/recommend", "cascades/recommend/age_band"])
    ['cascades/recommend/age_band']
    >>> keys_named("activity", ["features/activity", "indexes/activity", "online/activity"])
    ['features/activity']
    """
    known = list(keys)
    if name in known:
        return [name]
    named = [key for key in known if key.partition("/")[2] == name]
    whole = [key for key in named if key.partition("/")[0] not in _KEPT_BESIDE] or named
    return whole or [key for key in known if key.rpartition("/")[2] == name]


class _Selection:
    """A reader of one selection, which works out the keys as it goes. Each method reads one rule of the grammar."""

    def __init__(self, graph: Graph, text: str) -> None:
        self._graph = graph
        self._text = text
        self._words = words_in(text)
        self._next = 0

    def keys(self) -> set[str]:
        found = self._terms()
        if self._word is not None:
            raise self._wrong("Expected `and`, `or`, a blank or the end")
        return found

    @property
    def _word(self) -> Word | None:
        return self._words[self._next] if self._next < len(self._words) else None

    def _is(self, text: str, ahead: int = 0) -> bool:
        at = self._next + ahead
        return at < len(self._words) and self._words[at].text == text and not self._words[at].quoted

    def _take(self, *texts: str) -> Word | None:
        """The next word, if it is one of `texts`."""
        if any(self._is(text) for text in texts):
            self._next += 1
            return self._words[self._next - 1]
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            raise self._wrong(f"Expected {text!r}")

    def _wrong(self, expected: str) -> SelectionError:
        word = self._word
        got = "the selection ends here" if word is None else f"got {word.text!r}"
        return SelectionError(self._text, len(self._text) if word is None else word.start, f"{expected}, but {got}.")

    def _terms(self) -> set[str]:
        """Terms beside each other: all of them."""
        found = self._either()
        while self._word is not None and not self._is(")"):
            if self._take(",") is None and not self._word.apart:
                raise self._wrong("Expected `and`, `or`, a comma or a blank")
            found |= self._either()
        return found

    def _either(self) -> set[str]:
        found = self._both()
        while self._take("or", "OR"):
            found |= self._both()
        return found

    def _both(self) -> set[str]:
        found = self._negated()
        while self._take("and", "AND"):
            found &= self._negated()
        return found

    def _negated(self) -> set[str]:
        if self._take("not", "NOT"):
            return {*self._graph.keys} - self._negated()
        return self._around()

    def _around(self) -> set[str]:
        """An asset with what is up- and downstream of it."""
        up = self._levels_up()
        found = self._primary()
        down = self._levels_down()
        reached = set() if up is None and down is not None else _reach(self._graph.upstream, found, up or 0)
        return reached | (set() if down is None else _reach(self._graph.downstream, found, down))

    def _levels_up(self) -> float | None:
        levels = None
        if self._word is not None and self._word.is_number and self._is("+", 1):
            levels = int(self._word.text)
            self._next += 1
        if self._take("+") is None:
            return None
        self._refuse_plus()
        return float("inf") if levels is None else levels

    def _levels_down(self) -> float | None:
        plus = self._word
        if plus is None or not self._is("+") or (plus.apart and self._is_before_asset()):
            return None
        self._next += 1
        self._refuse_plus()
        if self._word is not None and self._word.is_number and not self._is("+", 1):
            self._next += 1
            return int(self._words[self._next - 1].text)
        return float("inf")

    def _is_before_asset(self) -> bool:
        """Whether the `+` belongs to what follows it, as in `a +b`."""
        after = self._words[self._next + 1] if self._next + 1 < len(self._words) else None
        return after is not None and not after.apart

    def _refuse_plus(self) -> None:
        if self._is("+"):
            raise self._wrong("One `+` goes all the way, and `2+x` or `x+2` two levels; expected no other")

    def _primary(self) -> set[str]:
        word = self._word
        if word is None or (not word.quoted and word.text in (")", ",", "+", "=", ":", "and", "or", "AND", "OR")):
            raise self._wrong("Expected an asset")
        self._next += 1
        if word.quoted:
            return self._named(word.text)
        if word.text == "(":
            return self._inside()
        if self._is(":") and not word.quoted:
            return self._attribute(word)
        if word.text in _FUNCTIONS and self._is("("):
            self._next += 1
            inside = self._inside()
            return _ends(self._graph.upstream if word.text == "roots" else self._graph.downstream, inside)
        return self._named(word.text)

    def _inside(self) -> set[str]:
        found = self._terms()
        self._expect(")")
        return found

    def _attribute(self, word: Word) -> set[str]:
        self._expect(":")
        if word.text not in ATTRIBUTES:
            known = ", ".join(f"{one}:" for one in ATTRIBUTES)
            theirs = " That one has a meaning in Dagster's webserver only." if word.text in _DAGSTER_ONLY else ""
            raise SelectionError(
                self._text, word.start, f"No selection by {word.text}: here.{theirs} There are {known}"
            )
        value = self._value()
        if word.text == "key":
            return self._named(value)
        if word.text == "tag":
            return self._tagged(word, value)
        having = {key: _values(word.text, one) for key, one in self._graph.nodes.items()}
        found = {key for key, values in having.items() if any(fnmatchcase(one, value) for one in values)}
        if not found:
            raise self._none(word, value, {one for values in having.values() for one in values})
        return found

    def _value(self) -> str:
        """What follows an attribute's colon; it may hold colons itself, as in `owner:team:shop`."""
        word = self._word
        if word is None or (not word.quoted and word.text in ("(", ")", ",", "+", "=", ":")):
            raise self._wrong("Expected a value")
        self._next += 1
        text = word.text
        while not word.quoted and self._is(":") and self._next + 1 < len(self._words):
            text += f":{self._words[self._next + 1].text}"
            self._next += 2
        return text

    def _tagged(self, word: Word, name: str) -> set[str]:
        value = self._value() if self._take("=") else ""
        found = {key for key, one in self._graph.nodes.items() if one.tags.get(name) == value}
        if not found:
            known = {f"{tag}={held}" for one in self._graph.nodes.values() for tag, held in one.tags.items()}
            raise self._none(word, f"{name}={value}" if value else name, known)
        return found

    def _none(self, word: Word, value: str, known: set[str]) -> SelectionError:
        near = closest(value, known)
        hint = f" Did you mean {near!r}?" if near else ""
        problem = f"No asset has the {word.text} {value!r}.{hint} There are: {name_list(known)}."
        return SelectionError(self._text, word.start, problem)

    def _named(self, name: str) -> set[str]:
        found = {key for key in self._graph.keys if fnmatchcase(key, name)} or set(keys_named(name, self._graph.keys))
        if not found:
            raise UnknownAsset(name, self._graph.keys)
        return found


def _values(attribute: str, declaration: Declaration) -> Iterable[str]:
    if attribute == "group":
        return (declaration.kind,)
    return kinds(declaration) if attribute == "kind" else declaration.owners


def _reach(edges: Mapping[str, Sequence[str]], start: set[str], levels: float) -> set[str]:
    """`start` and what can be reached from it in so many steps."""
    reached, edge = set(start), set(start)
    while edge and levels > 0:
        edge = {one for key in edge for one in edges[key]} - reached
        reached |= edge
        levels -= 1
    return reached


def _ends(edges: Mapping[str, Sequence[str]], chosen: set[str]) -> set[str]:
    """Those from which no other of `chosen` can be reached."""
    return {key for key in chosen if not (_reach(edges, {key}, float("inf")) - {key}) & chosen}
